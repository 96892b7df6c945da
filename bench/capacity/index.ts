/**
 * Many live chat connections through both tiers, on hosts made of network namespaces; every message is counted.
 * `npm run bench -- capacity [--connections N] [--rate PER_SECOND] [--seconds S] [--forwarding MODE] [--engine ENGINE] [--peers]
 * [--only SYSTEM,…] [--compare FILE] [--json FILE]`.
 * Opens N connections (120,000), logs each in, lets one of five say something every 30 s for S seconds, pushes to everybody, adds a
 * balancer, kills a chat server, drains a balancer, and tells what was lost, how long things took and what they cost. With
 * --peers (N is 20,000 then, if not given) the same clients and servers after that over nginx stream behind nftables DNAT, and
 * over HAProxy behind HAProxy; --only names some of headgate, nginx, haproxy. --compare tells what each connection, login and message
 * costs beside the run that wrote FILE. Needs root. Ends with 1 when something is not as it must be, also when less than 1 GiB of
 * memory is left. Leaves nothing behind, and takes a quarter of an hour at the most and three times what connecting should take.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { describeError } from '../../lib/errors/index.ts';
import { version } from '../../node/index.ts';
import { probeLab } from '../../test/lab/index.ts';
import { growthLines, growthOf } from './growth.ts';
import { runHeadgate } from './headgate-run.ts';
import { availableBytes, estimateBytes, gibibytes, MemoryWatch } from './memory.ts';
import { peers, runPeer, type Peer } from './peer-run.ts';
import { raiseMachineSettings } from './kernel-settings.ts';
import { planRun } from './plan.ts';
import { Progress } from './progress.ts';
import type { RunResult } from './result.ts';
import { summary } from './summary.ts';

const baseMs = 900_000;

const { values } = parseArgs({
  options: {
    connections: { type: 'string' },
    rate: { type: 'string', default: '3000' },
    seconds: { type: 'string', default: '20' },
    forwarding: { type: 'string', default: 'dr' },
    engine: { type: 'string', default: 'uring' },
    peers: { type: 'boolean', default: false },
    only: { type: 'string' },
    compare: { type: 'string' },
    json: { type: 'string' },
  },
});

const missing = probeLab();
if (missing !== undefined) throw new Error(missing);
const before = values.compare === undefined ? undefined : resultsIn(values.compare)[0];

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
const mostMs = baseMs + 3 * (connections / settings.perSecond) * 1_000;
const bound = setTimeout(() => giveUp(`not done after ${(mostMs / 60_000).toFixed(0)} minutes`), mostMs);
const progress = new Progress();
const memory = new MemoryWatch((available) =>
  giveUp(
    `only ${gibibytes(available)} of memory are left with ${progress.live} clients logged in: take fewer --connections, or end what else runs here`,
  ),
);
const [needed, available] = [estimateBytes(planRun(connections)), availableBytes()];
progress.part(
  `about ${gibibytes(needed)} of memory are needed, ${gibibytes(available)} of ${gibibytes(totalmem())} are available`,
);
const results: RunResult[] = [];
try {
  raiseMachineSettings();
  const { forwarding, engine } = values;
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
  memory.close();
}
process.exit();

/** What is left behind is removed on the way out. */
function giveUp(why: string): never {
  console.error(why);
  process.exit(1);
}

function resultsIn(file: string): readonly RunResult[] {
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly results: readonly RunResult[] }).results;
}

function report(): void {
  const seconds = (performance.now() - began) / 1_000;
  const leastAvailable = memory.takeLeast();
  const [loadThen, loadNow] = [loadBefore[0]!.toFixed(1), loadavg()[0]!.toFixed(1)];
  console.log(`\n${summary(results).join('\n')}`);
  console.log(`\n${seconds.toFixed(0)} s; load average of the machine ${loadThen} before, ${loadNow} after`);
  console.log(`at the least ${gibibytes(leastAvailable)} of memory were available`);
  const growth = before === undefined ? [] : growthOf(before, results[0]!);
  if (before !== undefined) {
    console.log(`\nbeside ${before.connections} connections:\n${growthLines(growth).join('\n')}`);
  }
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
    memory: { estimatedBytes: needed, availableBytes: available, leastAvailableBytes: leastAvailable },
    ...(before === undefined ? {} : { growth: { connections: before.connections, costs: growth } }),
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
