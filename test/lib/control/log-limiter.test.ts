import test from 'ava';
import { LogLimiter } from '../../../lib/control/log-limiter.ts';
import { ManualClock } from '../../manual-clock.ts';

test('one line per key and interval passes, the next one knows how many were held back', (t) => {
  const clock = new ManualClock();
  const limiter = new LogLimiter(clock, 10_000, 8);
  t.is(limiter.admit('a'), 0);
  t.is(limiter.admit('a'), undefined);
  t.is(limiter.admit('b'), 0);
  clock.advance(9_999);
  t.is(limiter.admit('a'), undefined);
  clock.advance(1);
  t.is(limiter.admit('a'), 2);
});

test('with too many keys the newcomers share one allowance until old keys are forgotten', (t) => {
  const clock = new ManualClock();
  const limiter = new LogLimiter(clock, 10_000, 2);
  t.deepEqual(
    ['a', 'b', 'c', 'd'].map((key) => limiter.admit(key)),
    [0, 0, 0, undefined],
  );
  clock.advance(10_000);
  t.is(limiter.admit('e'), 0);
  t.is(limiter.admit('e'), undefined);
});
