/**
 * What a changed configuration costs: `npm run bench -- reload [--reloads N] [--rounds R] [--rate PER_SECOND] [--json FILE]`.
 * A server is added and removed in turn, N times in all, while clients come at a steady rate; in turns over the rounds for
 * headgate's director (its file is all it needs, the change is a rename), for both its tiers, and for HAProxy and nginx with the
 * signal that makes them reload. Prints the time from the change until a client that came later is on the new server (median and
 * range), the ratio to HAProxy's median of the same round, and how many clients got no server. Needs haproxy and nginx with its
 * stream module. Uses 127.93.0.0/16.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatEndpoint } from '../../lib/address/index.ts';
import { ownTemporaryFolder } from '../../test/own-temporary-folder.ts';
import { Scope } from '../../test/scope.ts';
import { until } from '../../test/until.ts';
import { benchFacts, factsLine, writeResult } from '../facts.ts';
import { median } from '../measure.ts';
import { benchOptions, json, positive, whole } from '../options.ts';
import { contenders, type ContenderName, type Servers } from './contenders.ts';
import { comeOnce, Newcomers, type Newcomer } from './newcomers.ts';

const usage = `usage: npm run bench -- reload [--reloads N] [--rounds R] [--rate PER_SECOND] [--json FILE]

Time from a changed configuration to new connections on the new server, and connections failed, beside HAProxy and nginx.

  --reloads N   of each side, over all rounds (100)
  --rounds R    turns (5)
  --rate N      clients per second (5000)
  --json FILE   the result, for machines`;
const { reloads, rounds, rate, ...options } = benchOptions(usage, {
  reloads: whole(100),
  rounds: whole(5),
  rate: positive(5_000),
  json,
});
const reloadsPerRound = Math.max(2, Math.round(reloads / rounds));
const peers = ['nginx', 'haproxy'] as const;
/** For so long nobody may have met a removed server, before the next is added: reloads that overlap would be lost. */
const restMs = 300;
/** HAProxy misses a signal that comes while it still reloads: after so long the change is told again, so often at most. */
const askAgainMs = 2_000;
const mostAsked = 5;
/** Clients before the first reload: whom they fail, no reload failed. */
const calmMs = 3_000;

ownTemporaryFolder('headgate-bench-');

const usual: Servers = {
  a: { host: '127.93.200.1', port: 7_000 },
  b: { host: '127.93.200.2', port: 7_000 },
};
const grown: Servers = { ...usual, n: { host: '127.93.200.3', port: 7_000 } };

interface Round {
  /** From the change to the first word of the new server, per addition. */
  readonly tookMs: readonly number[];
  readonly clients: number;
  /** Before the first reload. */
  readonly failedInCalm: number;
  readonly failed: number;
  /** Of both, how many for which reason. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Were due, and did not come because thousands still waited. */
  readonly withheld: number;
  /** Changes that had to be told again. */
  readonly askedAgain: number;
  /** Clients per second that came in fact. */
  readonly perSecond: number;
}

async function measure(name: ContenderName, place: number, round: number): Promise<Round> {
  const at = { host: `127.93.${place}.1`, port: 9_000 + round };
  const scope = new Scope();
  try {
    const contender = await contenders[name](scope, at, usual);
    let failed = 0;
    let failedInCalm = 0;
    let askedAgain = 0;
    const reasons: Record<string, number> = {};
    let calm = true;
    let lastMetMs = 0;
    let heard: ((newcomer: Newcomer) => void) | undefined;
    const newcomers = new Newcomers(at, rate, (newcomer) => {
      if (newcomer.server === 'n') lastMetMs = performance.now();
      if (newcomer.failure !== undefined) reasons[newcomer.failure] = (reasons[newcomer.failure] ?? 0) + 1;
      if (newcomer.server !== undefined) heard?.(newcomer);
      else if (calm) failedInCalm++;
      else failed++;
    });
    const tookMs: number[] = [];
    const change = async (servers: Servers, done: () => boolean): Promise<void> => {
      for (let asked = 0; asked < mostAsked; asked++) {
        if (asked > 0) askedAgain++;
        await contender.reload(servers);
        const askedMs = performance.now();
        while (performance.now() - askedMs < askAgainMs) {
          if (done()) return;
          await sleep(1);
        }
      }
      throw new Error(`${name} did not take a change that it was told ${mostAsked} times`);
    };
    await until(async () => (await comeOnce(at)).server, `${name} to serve`);
    const beganMs = performance.now();
    newcomers.begin();
    await sleep(calmMs);
    calm = false;
    for (let reload = 0; reload < reloadsPerRound; reload += 2) {
      const changedMs = performance.now();
      let arrivedMs = NaN;
      heard = ({ begunMs, doneMs, server }) => {
        if (server === 'n' && begunMs >= changedMs && Number.isNaN(arrivedMs)) arrivedMs = doneMs;
      };
      await change(grown, () => !Number.isNaN(arrivedMs));
      tookMs.push(arrivedMs - changedMs);
      heard = undefined;
      const removedMs = performance.now();
      await change(usual, () => performance.now() - Math.max(removedMs, lastMetMs) >= restMs);
    }
    const tookSeconds = (performance.now() - beganMs) / 1_000;
    await newcomers.end();
    const clients = newcomers.begun;
    const { withheld } = newcomers;
    return {
      tookMs,
      clients,
      failedInCalm,
      failed,
      reasons,
      withheld,
      askedAgain,
      perSecond: clients / tookSeconds,
    };
  } finally {
    await scope.close();
  }
}

function added(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const each of all)
    for (const [reason, count] of Object.entries(each)) total[reason] = (total[reason] ?? 0) + count;
  return total;
}

console.log(`${factsLine(peers)}, ${reloadsPerRound} reloads × ${rounds} rounds, ${rate} clients/s wanted`);
const names = Object.keys(contenders) as ContenderName[];
const results = Object.fromEntries(names.map((name) => [name, [] as Round[]])) as Record<
  ContenderName,
  Round[]
>;
const servers = fork(
  new URL('servers-process.js', import.meta.url),
  Object.entries(grown).map(([name, at]) => `${name}@${formatEndpoint(at)}`),
);
await once(servers, 'message');
try {
  for (let round = 0; round < rounds; round++)
    for (const [place, name] of names.entries()) results[name].push(await measure(name, place, round));
} finally {
  servers.kill();
}

const summary = names.map((name) => {
  const took = results[name].flatMap(({ tookMs }) => tookMs);
  const ratios = results[name].map(
    ({ tookMs }, round) => median(tookMs) / median(results.haproxy[round]!.tookMs),
  );
  const sum = (of: (round: Round) => number): number =>
    results[name].reduce((total, each) => total + of(each), 0);
  return {
    name,
    medianMs: median(took),
    leastMs: Math.min(...took),
    mostMs: Math.max(...took),
    ratioToHaproxy: { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) },
    reloads: reloadsPerRound * rounds,
    clients: sum(({ clients }) => clients),
    failedInCalm: sum(({ failedInCalm }) => failedInCalm),
    failed: sum(({ failed }) => failed),
    reasons: added(results[name].map(({ reasons }) => reasons)),
    withheld: sum(({ withheld }) => withheld),
    askedAgain: sum(({ askedAgain }) => askedAgain),
    perSecond: sum(({ perSecond }) => perSecond) / rounds,
  };
});
for (const { name, medianMs, leastMs, mostMs, ratioToHaproxy: ratio, ...counts } of summary) {
  const [middle, least, most] = [ratio.median, ratio.least, ratio.most].map((value) => value.toFixed(2));
  console.log(
    `${name.padEnd(22)}${medianMs.toFixed(0)} ms (${leastMs.toFixed(0)}–${mostMs.toFixed(0)}), ` +
      `${middle} (${least}–${most}) of HAProxy; ${counts.failed} of ${counts.clients} clients failed ${reasonText(counts.reasons)}` +
      `(${counts.failedInCalm} more before the first) in ${counts.reloads} reloads (${counts.askedAgain} told again) at ${counts.perSecond.toFixed(0)}/s, ${counts.withheld} did not come`,
  );
}
function reasonText(reasons: Readonly<Record<string, number>>): string {
  const parts = Object.entries(reasons).map(([reason, count]) => `${count} ${reason}`);
  return parts.length === 0 ? '' : `[${parts.join(', ')}] `;
}

writeResult(options.json, { ...benchFacts('reload', peers), rateWanted: rate, summary, rounds: results });
