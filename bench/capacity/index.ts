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
import { readFileSync } from 'node:fs';
import { describeError } from '../../lib/errors/index.ts';
import { probeLab } from '../../test/lab/index.ts';
import { benchFacts, machine, writeResult } from '../facts.ts';
import { benchOptions, flag, json, list, positive, text, whole } from '../options.ts';
import { growthLines, growthOf } from './growth.ts';
import { runHeadgate } from './headgate-run.ts';
import { availableBytes, estimateBytes, gibibytes, MemoryWatch } from './memory.ts';
import { peers, runPeer } from './peer-run.ts';
import { raiseMachineSettings } from './kernel-settings.ts';
import { planRun } from './plan.ts';
import { Progress } from './progress.ts';
import type { RunResult } from './result.ts';
import { summary } from './summary.ts';

const baseMs = 900_000;

const usage = `usage: npm run bench -- capacity [--connections N] [--rate PER_SECOND] [--seconds S] [--forwarding MODE] [--engine ENGINE]
                               [--peers] [--only SYSTEM,…] [--compare FILE] [--json FILE]

Many live chat connections through both tiers, every message counted. As root.

  --connections N     (120000; with --peers 20000)
  --rate PER_SECOND   of logins (3000)
  --seconds S         of talk (20)
  --forwarding MODE   dr, tun, nat, proxy (dr)
  --engine ENGINE     uring, node (uring)
  --peers             after that nginx behind nftables, and HAProxy behind HAProxy
  --only SYSTEM,…     of headgate, nginx, haproxy
  --compare FILE      say what a connection costs beside the run that wrote FILE
  --json FILE         the result, for machines`;
const values = benchOptions(usage, {
  connections: whole(undefined),
  rate: positive(3_000),
  seconds: positive(20),
  forwarding: text('dr'),
  engine: text('uring'),
  peers: flag,
  only: list(['headgate', ...peers]),
  compare: text(undefined),
  json,
});

const missing = probeLab();
if (missing !== undefined) throw new Error(missing);
const before = values.compare === undefined ? undefined : resultsIn(values.compare)[0];

const began = performance.now();
const settings = { perSecond: values.rate, talkSeconds: values.seconds };
const connections = values.connections ?? (values.peers ? 20_000 : 120_000);
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
  `about ${gibibytes(needed)} of memory are needed, ${gibibytes(available)} of ${gibibytes(machine.memoryBytes)} are available`,
);
const results: RunResult[] = [];
try {
  raiseMachineSettings();
  const { forwarding, engine } = values;
  const systems = values.only ?? (['headgate', ...(values.peers ? peers : [])] as const);
  for (const system of systems) {
    results.push(
      system === 'headgate'
        ? await runHeadgate(connections, settings, { forwarding, engine }, progress)
        : await runPeer(system, connections, settings, progress),
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
  const facts = benchFacts('capacity', values.peers ? ['nginx', 'haproxy', 'nft'] : []);
  const [loadThen, loadNow] = [facts.loadAverage.before, facts.loadAverage.after].map(([last]) =>
    last!.toFixed(1),
  );
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
  writeResult(values.json, {
    ...facts,
    seconds,
    memory: { estimatedBytes: needed, availableBytes: available, leastAvailableBytes: leastAvailable },
    ...(before === undefined ? {} : { growth: { connections: before.connections, costs: growth } }),
    results,
  });
}
