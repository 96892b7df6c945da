import test from 'ava';
import fc from 'fast-check';
import { ManualClock } from '../../manual-clock.ts';
import { DeadResets } from '../../../director/proxy/dead-resets.ts';
import { paceResets } from '../../../director/reset-pacing.ts';

const sum = (counts: Iterable<number>): number => [...counts].reduce((total, count) => total + count, 0);

test('any rounds at any times stay within the rate, and end no more than there is', (t) => {
  const round = fc.record({
    waitMs: fc.double({ min: 0, max: 500, noNaN: true }),
    waiting: fc.array(fc.nat(2_000), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(round, { maxLength: 30 }), fc.integer({ min: 1, max: 20_000 }), (rounds, rate) => {
      let state = { credit: 0, atMs: 0 };
      let nowMs = 0;
      let ended = 0;
      for (const { waitMs, waiting } of rounds) {
        nowMs += waitMs;
        const counts = new Map(waiting.map((count, index) => [`b${index}`, count]));
        const paced = paceResets(state, nowMs, counts, rate, 0.5);
        state = paced.state;
        for (const [id, count] of paced.resets) t.true(count <= counts.get(id)!);
        ended += sum(paced.resets.values());
        t.true(ended <= (nowMs * rate) / 1_000 + 1e-6, `${ended} after ${nowMs} ms at ${rate}/s`);
      }
    }),
  );
});

test('several dead balancers share a round evenly, and what one does not need goes to the others', (t) => {
  const waiting = new Map([
    ['b1', 1_000],
    ['b2', 10],
    ['b3', 1_000],
  ]);
  const { resets } = paceResets({ credit: 0, atMs: 0 }, 20, waiting, 5_000, 0);
  t.deepEqual(Object.fromEntries(resets), { b1: 45, b2: 10, b3: 45 });
});

test('a late round does not make up for all the time it missed', (t) => {
  const { resets } = paceResets({ credit: 0, atMs: 0 }, 60_000, new Map([['b1', 1e6]]), 5_000, 0);
  t.is(resets.get('b1'), 400);
});

test('pauses between rounds vary with chance', (t) => {
  const pause = (random: number): number =>
    paceResets({ credit: 0, atMs: 0 }, 0, new Map(), 1, random).pauseMs;
  t.deepEqual([pause(0), pause(0.5)], [10, 20]);
});

interface Setup {
  /** Connections ended per second. */
  rate: number;
  readonly clock: ManualClock;
  readonly live: Map<string, number>;
  readonly resets: DeadResets;
}

function setup(live: Record<string, number>): Setup {
  const clock = new ManualClock();
  const counts = new Map(Object.entries(live));
  const settings = { rate: 5_000 };
  const resets = new DeadResets({
    clock,
    random: () => 0.5,
    ratePerSecond: () => settings.rate,
    connections: () => counts,
    reset: (id, most) => {
      const ended = Math.min(most, counts.get(id) ?? 0);
      counts.set(id, (counts.get(id) ?? 0) - ended);
      return ended;
    },
  });
  return Object.assign(settings, { clock, live: counts, resets });
}

test('connections of a dead balancer end at the rate, those of others stay', (t) => {
  const { clock, live, resets } = setup({ dead: 10_000, alive: 10_000 });
  resets.setDead(['dead']);
  t.is(live.get('dead'), 10_000, 'nothing ends in the moment itself');
  clock.advance(1_000);
  t.is(live.get('dead'), 5_000);
  clock.advance(1_100);
  t.is(live.get('dead'), 0);
  t.is(live.get('alive'), 10_000);
  t.is(resets.total, 10_000);
});

test('a changed rate holds at once, also while connections are being ended', (t) => {
  const world = setup({ b1: 10_000 });
  world.resets.setDead(['b1']);
  world.clock.advance(1_000);
  t.is(world.live.get('b1'), 5_000);
  world.rate = 100;
  world.clock.advance(1_000);
  t.is(world.live.get('b1'), 4_900);
});

test('a balancer that recovers keeps what was not ended yet', (t) => {
  const { clock, live, resets } = setup({ b1: 10_000 });
  resets.setDead(['b1']);
  clock.advance(500);
  resets.setDead([]);
  clock.advance(10_000);
  t.is(live.get('b1'), 7_500);
  t.is(clock.pending, 0);
});

test('naming the same dead again and again does not delay the rounds', (t) => {
  const { clock, live, resets } = setup({ b1: 100 });
  for (let at = 0; at < 100; at++) {
    resets.setDead(['b1']);
    clock.advance(1);
  }
  t.is(live.get('b1'), 0);
});

test('a connect that was under way when its balancer died is ended too', (t) => {
  const { clock, live, resets } = setup({});
  resets.setDead(['b1']);
  clock.advance(5_000);
  live.set('b1', 1);
  clock.advance(1_100);
  t.is(live.get('b1'), 0);
});

test('closing ends the rounds', (t) => {
  const { clock, resets } = setup({ b1: 10 });
  resets.setDead(['b1']);
  resets.close();
  t.is(clock.pending, 0);
});
