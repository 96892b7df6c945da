import test from 'ava';
import fc from 'fast-check';
import { client, make, nobody, seededRandom, upstreams } from './upstreams.ts';

test('of the two drawn the one with fewer connections per weight is picked', (t) => {
  const draws = [0, 0.99];
  const scheduler = make('random-two', upstreams(1, 1, 1), undefined, () => draws.shift()!);
  t.is(scheduler.pick(client, ({ id }) => [4, 0, 3][id - 1]!, nobody)?.name, 'c');
});

test('the two drawn are different ones', (t) => {
  const scheduler = make('random-two', upstreams(100, 1), undefined, () => 0);
  t.is(scheduler.pick(client, ({ id }) => [1_000, 0][id - 1]!, nobody)?.name, 'b');
});

test('the busiest of several is never picked when it is alone at the top', (t) => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 2, max: 8 }), (seed, count) => {
      const scheduler = make(
        'random-two',
        upstreams(...Array<number>(count).fill(1)),
        undefined,
        seededRandom(seed),
      );
      t.not(scheduler.pick(client, ({ id }) => (id === 1 ? 9 : 1), nobody)?.name, 'a');
    }),
  );
});

test('connections that stay end up nearly even', (t) => {
  const loads = new Map<number, number>();
  const scheduler = make('random-two', upstreams(1, 1, 1, 1, 1));
  for (let turn = 0; turn < 5_000; turn++) {
    const { id } = scheduler.pick(client, (one) => loads.get(one.id) ?? 0, nobody)!;
    loads.set(id, (loads.get(id) ?? 0) + 1);
  }
  for (const count of loads.values()) t.true(Math.abs(count - 1_000) < 20, `${count}`);
});
