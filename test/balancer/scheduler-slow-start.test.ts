import test from 'ava';
import fc from 'fast-check';
import { slowStartShare, SlowStart, startMs } from '../../balancer/slow-start.ts';
import { clientNumber, idle, make, nobody, tally, upstreams, type Scheduling } from './upstreams.ts';
import type { Algorithm } from '../../topology/index.ts';

const duration = fc.integer({ min: 1, max: 3_600_000 });

test('a share grows linearly from a hundredth to the whole, and never shrinks', (t) => {
  fc.assert(
    fc.property(duration, fc.nat(), fc.nat(), (durationMs, one, other) => {
      const [early, late] = one < other ? [one, other] : [other, one];
      const [first, second] = [slowStartShare(0, early, durationMs), slowStartShare(0, late, durationMs)];
      t.true(first <= second);
      for (const [atMs, share] of [
        [early, first],
        [late, second],
      ] as const) {
        t.true(Number.isInteger(share) && share >= 1 && share <= 100);
        if (atMs >= durationMs) t.is(share, 100);
        else if (share > 1) t.true(Math.abs(share - (100 * atMs) / durationMs) < 1);
      }
    }),
  );
});

test('without a duration the whole share is there at once', (t) => {
  t.is(slowStartShare(0, 0, 0), 100);
});

test('who was there from the start has its whole share at once; who came later or came back starts slowly', (t) => {
  const there = new SlowStart(true, 0);
  there.note('up', startMs);
  t.is(there.share(startMs, 1_000), 100);
  const late = new SlowStart(true, 0);
  late.note('up', startMs + 1);
  t.is(late.share(startMs + 501, 1_000), 50);
  const added = new SlowStart(false, 5_000);
  added.note('unknown', 5_000);
  added.note('up', 6_000);
  t.is(added.share(6_250, 1_000), 25);
  added.note('up', 6_900);
  t.is(added.share(6_900, 1_000), 90, 'staying up is no new start');
  there.note('down', 10_000);
  there.note('up', 11_000);
  t.is(there.share(11_100, 1_000), 10, 'it came back from down');
});

/** Picks that c got, as a share of what a or b got, when its share is `share`. */
function sharePicked(scheduler: Scheduling, share: number, picks: number, stay: boolean): number {
  scheduler.shares[2] = share;
  const loads = new Map<number, number>();
  const names: string[] = [];
  for (let turn = 0; turn < picks; turn++) {
    const picked = scheduler.pick(
      clientNumber(turn),
      ({ id }) => (stay ? (loads.get(id) ?? 0) : idle()),
      nobody,
    )!;
    loads.set(picked.id, (loads.get(picked.id) ?? 0) + 1);
    names.push(picked.name);
  }
  const { a = 0, b = 0, c = 0 } = tally(names);
  return c / ((a + b) / 2);
}

/** Largest difference from the due share; those that draw or hash have a spread of their own. */
const exactness: readonly (readonly [Algorithm, number])[] = [
  ['round-robin', 0.02],
  ['weighted-round-robin', 0.01],
  ['least-connections', 0.01],
];

for (const [algorithm, tolerance] of exactness) {
  test(`${algorithm}: one that starts slowly gets the share of the others that it is due`, (t) => {
    for (const share of [1, 10, 25, 50, 75, 99, 100]) {
      const stay = algorithm === 'least-connections';
      const got = sharePicked(make(algorithm, upstreams(1, 1, 1)), share, 9_000, stay);
      t.true(Math.abs(got - share / 100) <= tolerance, `${share}: ${got}`);
    }
  });
}

for (const algorithm of ['source-hash', 'maglev'] as const) {
  test(`${algorithm}: clients of one that starts slowly come home one by one, and stay there`, (t) => {
    const scheduler = make(algorithm, upstreams(1, 1, 1));
    const homes = (): string[] =>
      Array.from({ length: 2_000 }, (_, index) => scheduler.pick(clientNumber(index), idle, nobody)!.name);
    const whole = homes();
    let home = new Set<number>();
    for (const share of [1, 10, 30, 60, 90, 100]) {
      scheduler.shares[2] = share;
      const now = homes();
      t.true(
        now.every((name, index) => name === whole[index] || whole[index] === 'c'),
        'nobody else moves',
      );
      const come = new Set(now.flatMap((name, index) => (name === 'c' ? [index] : [])));
      t.true([...home].every((index) => come.has(index)));
      const all = whole.filter((name) => name === 'c').length;
      t.true(Math.abs(come.size / all - share / 100) < 0.1, `${share}: ${come.size} of ${all}`);
      home = come;
    }
    t.deepEqual(homes(), whole);
  });
}

test('random-two: one that starts slowly is drawn less and counts as light', (t) => {
  const scheduler = make('random-two', upstreams(1, 1, 1));
  const got = sharePicked(scheduler, 10, 9_000, true);
  t.true(got > 0.05 && got < 0.2, String(got));
});

for (const algorithm of [
  'round-robin',
  'weighted-round-robin',
  'least-connections',
  'source-hash',
  'maglev',
  'random-two',
] as const) {
  test(`${algorithm}: when everybody starts slowly somebody is picked all the same, and all get a part`, (t) => {
    const scheduler = make(algorithm, upstreams(1, 1));
    scheduler.shares.fill(1);
    const names = Array.from(
      { length: 200 },
      (_, index) => scheduler.pick(clientNumber(index), idle, nobody)!.name,
    );
    t.deepEqual(Object.keys(tally(names)).sort(), ['a', 'b']);
  });
}
