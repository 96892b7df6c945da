import test from 'ava';
import fc from 'fast-check';
import { backoffMs } from '../../../lib/backoff/index.ts';

const settings = { firstMs: 100, mostMs: 5_000 };

test('the delay doubles with every attempt up to the longest', (t) => {
  t.deepEqual(
    [0, 1, 2, 5, 6, 50].map((attempt) => backoffMs(attempt, settings, 0)),
    [50, 100, 200, 1_600, 2_500, 2_500],
  );
});

test('every delay lies between half and all of its ceiling, whatever the random number', (t) => {
  fc.assert(
    fc.property(fc.nat(200), fc.double({ min: 0, max: 0.999_999, noNaN: true }), (attempt, random) => {
      const delay = backoffMs(attempt, settings, random);
      const ceiling = Math.min(settings.mostMs, settings.firstMs * 2 ** attempt);
      return delay >= ceiling / 2 && delay <= ceiling;
    }),
  );
  t.pass();
});
