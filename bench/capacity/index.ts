/**
 * Many live chat connections through both tiers, on hosts made of network namespaces; every message is counted.
 * `npm run bench -- capacity [--connections N] [--rate PER_SECOND] [--seconds S] [--forwarding MODE] [--engine ENGINE] [--peers]
 * [--json FILE]`.
 * Opens N connections (120,000), logs each in, lets one of five say something every 30 s for S seconds, pushes to everybody, adds a
 * balancer, kills a chat server, drains a balancer, and tells what was lost, how long things took and what they cost. With
 * --peers (N is 20,000 then, if not given) the same clients and servers after that over nginx stream behind nftables DNAT, and
 * over HAProxy behind HAProxy. Needs root. Ends with 1 when something is not as it must be. Leaves nothing behind, and takes fifteen minutes at the most.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { describeError } from '../../lib/errors/index.ts';
import { version } from '../../node/index.ts';
import { probeLab } from '../../test/lab/index.ts';
import { runHeadgate } from './headgate-run.ts';
import { peers, runPeer, type Peer } from './peer-run.ts';
import { Progress } from './progress.ts';
import type { RunResult } from './result.ts';
import { summary } from './summary.ts';

const mostMs = 900_000;

const { values } = parseArgs({
  options: {
    connections: { type: 'string' },
    rate: { type: 'string', default: '3000' },
    seconds: { type: 'string', default: '20' },
    forwarding: { type: 'string', default: 'dr' },
    engine: { type: 'string', default: 'uring' },
    peers: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});

const missing = probeLab();
if (missing !== undefined) throw new Error(missing);
const bound = setTimeout(() => {
  console.error(`not done after ${mostMs / 60_000} minutes`);
  process.exit(1);
}, mostMs);

const machine = {
  cores: cpus().length,
  processor: cpus()[0]?.model,
  memoryBytes: totalmem(),
  kernel: release(),
  filesPerProcess: Number(spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).stdout),
};
const loadBefore = loadavg();
const began = performance.now();
const settings = { perSecond: Number(values.rate), talkSeconds: Number(values.seconds) };
const connections = Number(values.connections ?? (values.peers ? 20_000 : 120_000));
const results: RunResult[] = [];
try {
  const { forwarding, engine } = values;
  const progress = new Progress();
  const systems = values.only?.split(',') ?? ['headgate', ...(values.peers ? peers : [])];
  for (const system of systems) {
    results.push(
      system === 'headgate'
        ? await runHeadgate(connections, settings, { forwarding, engine }, progress)
        : await runPeer(system as Peer, connections, settings, progress),
    );
  }
  report();
  process.exitCode = results.some(({ faults }) => faults.length > 0) ? 1 : 0;
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
} finally {
  clearTimeout(bound);
}
process.exit();

function report(): void {
  const seconds = (performance.now() - began) / 1_000;
  const [before, after] = [loadBefore[0]!.toFixed(1), loadavg()[0]!.toFixed(1)];
  console.log(`\n${summary(results).join('\n')}`);
  console.log(`\n${seconds.toFixed(0)} s; load average of the machine ${before} before, ${after} after`);
  for (const { name, faults } of results) {
    for (const fault of faults) console.log(`${name}: ${fault}`);
  }
  if (values.json === undefined) return;
  const facts = {
    date: new Date().toISOString(),
    command: `npm run bench -- capacity ${process.argv.slice(2).join(' ')}`.trim(),
    machine,
    versions: { headgate: version, node: process.version, ...(values.peers ? peerVersions() : {}) },
    loadAverage: { before: loadBefore, after: loadavg() },
    seconds,
    results,
  };
  writeFileSync(values.json, `${JSON.stringify(facts, null, 2)}\n`);
}

function peerVersions(): Record<string, string | undefined> {
  const said = (program: string, args: readonly string[]): string => {
    const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    return `${stdout}${stderr}`;
  };
  return {
    nginx: /nginx\/([\d.]+)/.exec(said('nginx', ['-v']))?.[1],
    haproxy: /version ([\d.]+)/.exec(said('haproxy', ['-v']))?.[1],
    nftables: /v([\d.]+)/.exec(said('nft', ['--version']))?.[1],
  };
}
