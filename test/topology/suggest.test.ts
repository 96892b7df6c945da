import test from 'ava';
import fc from 'fast-check';
import { editDistance, listSome, nearest } from '../../topology/suggest.ts';

test('the distance counts inserted, deleted, replaced and swapped letters', (t) => {
  t.is(editDistance('weight', 'weight'), 0);
  t.is(editDistance('wieght', 'weight'), 1);
  t.is(editDistance('host', 'hosts'), 1);
  t.is(editDistance('kitten', 'sitting'), 3);
  t.is(editDistance('', 'abc'), 3);
});

test('the distance is the same both ways and zero only for equal words', (t) => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, (one, other) => {
      t.is(editDistance(one, other), editDistance(other, one));
      t.is(editDistance(one, other) === 0, one === other);
    }),
  );
});

test('the nearest word is suggested only when it is near', (t) => {
  const keys = ['host', 'port', 'weight', 'heartbeat'];
  t.is(nearest('wieght', keys), 'weight');
  t.is(nearest('Host', keys), 'host');
  t.is(nearest('hearbeat', keys), 'heartbeat');
  t.is(nearest('banana', keys), undefined);
  t.is(nearest('b9', ['b1', 'b2']), 'b1');
  t.is(nearest('x'.repeat(100_000), keys), undefined);
});

test('long lists are shortened', (t) => {
  t.is(listSome(['a', 'b']), 'a, b');
  t.is(listSome(['a', 'b', 'c', 'd'], 2), 'a, b and 2 more');
});
