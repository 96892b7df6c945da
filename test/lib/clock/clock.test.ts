import test from 'ava';
import { every } from '../../../lib/clock/index.ts';
import { ManualClock } from '../../manual-clock.ts';

test('a repeated call keeps its rhythm and ends when cancelled', (t) => {
  const clock = new ManualClock();
  const calls: number[] = [];
  const timer = every(clock, 100, () => calls.push(clock.now()));
  clock.advance(350);
  t.deepEqual(calls, [100, 200, 300]);
  timer.cancel();
  clock.advance(1_000);
  t.is(calls.length, 3);
  t.is(clock.pending, 0);
});

test('a call may cancel its own repetition', (t) => {
  const clock = new ManualClock();
  let calls = 0;
  const timer = every(clock, 10, () => {
    calls += 1;
    if (calls === 2) timer.cancel();
  });
  clock.advance(100);
  t.is(calls, 2);
});
