import test from 'ava';
import fc from 'fast-check';
import { make, sequence, tally, upstream, upstreamLists, upstreams } from './upstreams.ts';

test('round robin goes round in the order of the list', (t) => {
  t.is(sequence(make('round-robin', upstreams(1, 1, 1)), 7), 'abcabca');
});

test('round robin ignores weights', (t) => {
  t.is(sequence(make('round-robin', upstreams(1, 9)), 4), 'abab');
});

test('an excluded upstream is skipped and the others keep their order', (t) => {
  const scheduler = make('round-robin', upstreams(1, 1, 1));
  t.is(
    sequence(scheduler, 4, ({ name }) => name === 'b'),
    'acac',
  );
  t.is(sequence(scheduler, 5), 'bacba', 'one that comes back gets one turn at once, not those it missed');
});

test('every upstream gets its exact share over whole rounds', (t) => {
  fc.assert(
    fc.property(upstreamLists, fc.nat(20), (list, rounds) => {
      const counts = tally(sequence(make('round-robin', list), list.length * rounds));
      for (const { name } of list) t.is(counts[name] ?? 0, rounds);
    }),
  );
});

test('a successor goes on where its predecessor stopped', (t) => {
  fc.assert(
    fc.property(upstreamLists, fc.nat(30), (list, before) => {
      const whole = sequence(make('round-robin', list), before + 10);
      const first = make('round-robin', list);
      t.is(sequence(first, before) + sequence(make('round-robin', list, first.memory()), 10), whole);
    }),
  );
});

test('a reload that adds or removes an upstream does not disturb the turn of the others', (t) => {
  const list = upstreams(1, 1, 1);
  const first = make('round-robin', list);
  t.is(sequence(first, 4), 'abca');
  const grown = make('round-robin', [...list, upstream('d', 4)], first.memory());
  t.is(sequence(grown, 5), 'dbcad');
  const shrunk = make('round-robin', list.slice(1), first.memory());
  t.is(sequence(shrunk, 4), 'bcbc');
});
