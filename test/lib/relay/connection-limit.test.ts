import test from 'ava';
import { connectionLimit } from '../../../lib/relay/index.ts';

test('a connection takes two descriptors, and the reserve is left alone', (t) => {
  t.is(connectionLimit(20_000, 100), 9_950);
  t.is(connectionLimit(20_001, 100), 9_950);
  t.true(connectionLimit(20_000) < 10_000);
});

test('a limit is at least one, and a number where there is none', (t) => {
  t.is(connectionLimit(64, 128), 1);
  t.true(Number.isSafeInteger(connectionLimit(Infinity)));
});
