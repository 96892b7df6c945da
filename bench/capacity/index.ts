/**
 * Many live chat connections through both tiers, on hosts made of network namespaces; every message is counted.
 * `npm run bench -- capacity [--connections N] [--rate PER_SECOND] [--seconds S] [--forwarding MODE] [--engine ENGINE] [--peers]
 * [--only SYSTEM,…] [--compare FILE] [--json FILE]`.
 * Warms up with some of them, opens N connections (120,000), logs each in, lets one of five say something every 30 s for S seconds, pushes to everybody, adds a
 * balancer, kills a chat server, drains a balancer, and tells what was lost, how long things took and what they cost. With
 * --peers (N is 20,000 then, if not given) the same clients and servers after that over nginx stream behind nftables DNAT, and
 * over HAProxy behind HAProxy; --only names some of headgate, nginx, haproxy. --compare tells what each connection, login and message
 * costs beside the run that wrote FILE. A system that cannot carry N, or leaves less than 1 GiB of memory, stops where it is and the
 * next one begins; the result says why and with how many. Needs root. Ends with 1 when something is not as it must be. Leaves nothing
 * behind, and takes for each system a quarter of an hour at the most and three times what connecting should take.
 */
import { readFileSync } from 'node:fs';
import { describeError } from '../../lib/errors/index.ts';
import { probeLab } from '../../test/lab/index.ts';
import { benchFacts, machine, versionOf, writeResult } from '../facts.ts';
import { benchOptions, flag, json, list, positive, text, whole } from '../options.ts';
import { growthLines, growthOf } from './growth.ts';
import { runHeadgate } from './headgate-run.ts';
import { availableBytes, estimateBytes, gibibytes, memoryShortages, MemoryWatch } from './memory.ts';
import { peers, runPeer } from './peer-run.ts';
import { raiseMachineSettings, socketsGone, socketsNegligible } from './kernel-settings.ts';
import { planRun } from './plan.ts';
import { Progress } from './progress.ts';
import type { RunResult } from './result.ts';
import { summary } from './summary.ts';

const baseMs = 900_000;
/** One system does not pay for the removal of the one before. */
const socketsMs = 30_000;
/** What the systems are made of beside headgate. */
const programs = { headgate: [], nginx: ['nginx', 'nft'], haproxy: ['haproxy'] } as const;

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
const before = values.compare === undefined ? [] : resultsIn(values.compare);

const began = performance.now();
const pace = { perSecond: values.rate, talkSeconds: values.seconds };
const systems = values.only ?? (['headgate', ...(values.peers ? peers : [])] as const);
const besides = [...new Set(systems.flatMap((system) => programs[system]))];
// Now, not after half an hour.
for (const program of besides) versionOf(program);
const connections = values.connections ?? (values.peers ? 20_000 : 120_000);
const mostMs = systems.length * (baseMs + 3 * (connections / pace.perSecond) * 1_000);
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
  for (const system of systems) {
    const left = await socketsGone(socketsMs);
    if (left > socketsNegligible) progress.note(`${left} sockets are left of what ran before`);
    await runSystem(system);
  }
  report();
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

/** Adds its result; one that cannot even start has none, and the others do nevertheless. */
async function runSystem(system: (typeof systems)[number]): Promise<void> {
  const { forwarding, engine } = values;
  const settings = { ...pace, shortage: memoryShortages() };
  try {
    const result =
      system === 'headgate'
        ? await runHeadgate(connections, settings, { forwarding, engine }, progress)
        : await runPeer(system, connections, settings, progress);
    results.push(result);
    if (result.faults.length > 0) process.exitCode = 1;
  } catch (error) {
    console.error(`${system}: ${describeError(error)}`);
    process.exitCode = 1;
  }
}

function resultsIn(file: string): readonly RunResult[] {
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly results: readonly RunResult[] }).results;
}

function report(): void {
  const seconds = (performance.now() - began) / 1_000;
  const leastAvailable = memory.takeLeast();
  const facts = benchFacts('capacity', besides);
  const [loadThen, loadNow] = [facts.loadAverage.before, facts.loadAverage.after].map(([last]) =>
    last!.toFixed(1),
  );
  console.log(`\n${summary(results).join('\n')}`);
  console.log(`\n${seconds.toFixed(0)} s; load average of the machine ${loadThen} before, ${loadNow} after`);
  console.log(`at the least ${gibibytes(leastAvailable)} of memory were available`);
  const growth = results.flatMap((result) => {
    const smaller = before.find(({ name }) => name === result.name);
    if (smaller === undefined) return [];
    const { name, connections } = smaller;
    const costs = growthOf(smaller, result);
    console.log(`\n${name}, beside ${connections} connections:\n${growthLines(costs).join('\n')}`);
    return [{ name, connections, costs }];
  });
  for (const { name, faults } of results) {
    for (const fault of faults) console.log(`${name}: ${fault}`);
  }
  writeResult(values.json, {
    ...facts,
    seconds,
    memory: { estimatedBytes: needed, availableBytes: available, leastAvailableBytes: leastAvailable },
    ...(growth.length === 0 ? {} : { growth }),
    results,
  });
}
