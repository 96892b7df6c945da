/** What a result is told with: the command, the day, the machine, the versions and how busy the machine was. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { version } from '../node/index.ts';
import { getrlimitNofile } from '../lib/linux/index.ts';

/** Programs that benches run beside headgate, by what they answer when asked for their version. */
const askedFor = {
  nginx: { args: ['-v'], pattern: /nginx\/([\d.]+)/ },
  haproxy: { args: ['-v'], pattern: /version ([\d.]+)/ },
  nft: { args: ['-v'], pattern: /nftables v([\d.]+)/ },
} as const;
export type BenchPeer = keyof typeof askedFor;

const loadBefore = loadavg();

export const machine = {
  kernel: release(),
  cores: cpus().length,
  processor: cpus()[0]?.model,
  memoryBytes: totalmem(),
  filesPerProcess: getrlimitNofile()?.soft,
} as const;

const versions = new Map<BenchPeer, string>();

/** The version of a peer as it says it itself, asked for once; throws when it is not there. */
export function versionOf(peer: BenchPeer): string {
  const known = versions.get(peer);
  if (known !== undefined) return known;
  const { args, pattern } = askedFor[peer];
  const { stdout, stderr, error } = spawnSync(peer, args, { encoding: 'utf8' });
  const found = pattern.exec(`${stdout}${stderr}`)?.[1];
  if (found === undefined)
    throw new Error(`${peer} does not run here: ${error?.message ?? 'no version'}; npm run test:deps`);
  versions.set(peer, found);
  return found;
}

/** What stands at the head of a bench's result. */
export function benchFacts(name: string, peers: readonly BenchPeer[] = []) {
  return {
    date: new Date().toISOString(),
    command: `npm run bench -- ${[name, ...process.argv.slice(2)].join(' ')}`,
    machine,
    versions: {
      headgate: version,
      node: process.version,
      ...Object.fromEntries(peers.map((peer) => [peer, versionOf(peer)])),
    },
    loadAverage: { before: loadBefore, after: loadavg() },
  };
}

/** One line of them for the terminal. */
export function factsLine(peers: readonly BenchPeer[] = []): string {
  const versions = peers.map((peer) => `, ${peer} ${versionOf(peer)}`).join('');
  return `kernel ${machine.kernel}, ${machine.cores} cores, Node ${process.version}${versions}, load ${loadBefore[0]!.toFixed(1)}`;
}

/** Writes a result where `--json` said, if it did. */
export function writeResult(file: string | undefined, result: object): void {
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
}
