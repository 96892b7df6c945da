import test from 'ava';
import type { ChatServers } from '../../bench/capacity/chat-servers.ts';
import type { LoadCounts, Loads, LoadsAwaited } from '../../bench/capacity/loads.ts';
import { Progress } from '../../bench/capacity/progress.ts';
import { Run } from '../../bench/capacity/run.ts';
import { crowdCounts } from '../../bench/traffic/crowd-counts.ts';
import { Histogram } from '../../bench/traffic/histogram.ts';
import { until } from '../until.ts';

const counts = (live: number): LoadCounts => ({ ...crowdCounts(), waiting: 0, deaf: 0, live });
const about = { name: 'x', connections: 2, processes: {} };
const idleCpu = { director: 1 };

interface Fake {
  readonly live: number;
  /** Whether the load processes have ended. */
  isGone: boolean;
  readonly shortage?: string;
}

/** A run over clients that are as `fake` says. */
function runOver(fake: Fake): Run {
  const loads = {
    last: counts(fake.live),
    pids: [],
    counts: () =>
      fake.isGone ? Promise.reject(new Error('a load has ended')) : Promise.resolve(counts(fake.live)),
    countTo: () => fake.live,
    quiet: () => Promise.resolve(0),
    expectPush: () => Promise.resolve(),
    take: () => Promise.resolve(new Histogram()),
    until: async (isSo: (counts: LoadCounts) => boolean, awaited: LoadsAwaited) => {
      await until(() => isSo(counts(fake.live)), awaited);
      return counts(fake.live);
    },
  };
  const chat = { push: () => Promise.resolve(fake.live), counts: () => Promise.resolve([]) };
  const system = { tiers: [], chat: chat as unknown as ChatServers };
  const settings = { perSecond: 1, talkSeconds: 1, shortage: () => fake.shortage };
  const progress = new Progress();
  progress.part = progress.note = () => undefined;
  return new Run(loads as unknown as Loads, system, settings, progress);
}

test('a run that comes to its end has all that was found, and a last push', async (t) => {
  const result = await runOver({ live: 2, isGone: false }).conclude(about, (found) => {
    found.idleCpu = idleCpu;
    return Promise.resolve();
  });
  t.deepEqual(result.idleCpu, idleCpu);
  t.is(result.stopped, undefined);
  t.is(result.pushesExpected, 2);
  t.deepEqual(result.faults, ['2 pushes missing']);
});

test('a run one part of which fails has what was found before, and says why it stopped', async (t) => {
  const fake = { live: 1, isGone: false };
  const result = await runOver(fake).conclude(about, (found) => {
    found.idleCpu = idleCpu;
    fake.isGone = true;
    return Promise.reject(new Error('no memory', { cause: new Error('1 GiB') }));
  });
  t.deepEqual(result.idleCpu, idleCpu);
  t.is(result.push, undefined);
  t.is(result.counts.live, 1);
  t.is(result.stopped, 'no memory: 1 GiB');
  t.deepEqual(result.faults, ['stopped: no memory: 1 GiB']);
});

test('a run goes no further when the machine is short of something', async (t) => {
  const run = runOver({ live: 1, isGone: false, shortage: 'only 0.9 GiB of memory are left' });
  const result = await run.conclude(about, async () => {
    await run.awaitClients(({ live }) => live === 2, 'both clients to be logged in');
  });
  t.regex(result.stopped ?? '', /^waited for both clients to be logged in: only 0\.9 GiB of memory are left/);
});
