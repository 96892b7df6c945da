import test from 'ava';
import fc from 'fast-check';
import { make, sequence, tally, upstreamLists, upstreams } from './upstreams.ts';

test('weighted round robin spreads the heavy one evenly', (t) => {
  t.is(sequence(make('weighted-round-robin', upstreams(5, 1, 1)), 7), 'aabacaa');
});

test('every upstream is picked exactly its weight per cycle', (t) => {
  fc.assert(
    fc.property(upstreamLists, fc.integer({ min: 1, max: 5 }), (list, cycles) => {
      const total = list.reduce((sum, { weight }) => sum + weight, 0);
      const scheduler = make('weighted-round-robin', list);
      for (let cycle = 0; cycle < cycles; cycle++) {
        const counts = tally(sequence(scheduler, total));
        for (const { name, weight } of list) t.is(counts[name], weight);
      }
    }),
  );
});

test('within a cycle nobody is more than one pick away from its share per other upstream', (t) => {
  fc.assert(
    fc.property(upstreamLists, (list) => {
      const total = list.reduce((sum, { weight }) => sum + weight, 0);
      const names = sequence(make('weighted-round-robin', list), total);
      for (let length = 1; length <= total; length++) {
        const counts = tally(names.slice(0, length));
        for (const { name, weight } of list) {
          t.true(Math.abs((counts[name] ?? 0) - (length * weight) / total) < list.length);
        }
      }
    }),
    { numRuns: 30 },
  );
});

test('a successor goes on where its predecessor stopped', (t) => {
  fc.assert(
    fc.property(upstreamLists, fc.nat(50), (list, before) => {
      const whole = sequence(make('weighted-round-robin', list), before + 20);
      const first = make('weighted-round-robin', list);
      const rest = make('weighted-round-robin', list, first.memory());
      t.is(sequence(first, before), whole.slice(0, before));
      t.is(sequence(make('weighted-round-robin', list, first.memory()), 20), whole.slice(before));
      t.is(sequence(rest, before), whole.slice(0, before), 'a memory taken earlier is a copy');
    }),
  );
});

test('after a weight fell from large to small the new weights rule within two of their cycles', (t) => {
  const before = make('weighted-round-robin', upstreams(1000, 1));
  sequence(before, 500);
  const after = make('weighted-round-robin', upstreams(1, 1), before.memory());
  sequence(after, 4);
  t.deepEqual(tally(sequence(after, 100)), { a: 50, b: 50 });
});
