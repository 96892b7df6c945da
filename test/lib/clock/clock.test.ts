import { mock } from 'node:test';
import test from 'ava';
import { every, systemClock } from '../../../lib/clock/index.ts';
import { ManualClock } from '../../manual-clock.ts';

/** The longest delay of one timer of Node, ms: 24.8 days. */
const longestTimerMs = 2 ** 31 - 1;

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

test('a call in a month does not come at once', async (t) => {
  let called = false;
  const timer = systemClock.after(longestTimerMs + 1, () => (called = true));
  // Node makes 1 ms of a delay that is too long: it would be over before this one.
  await new Promise<void>((done) => void systemClock.after(20, done));
  timer.cancel();
  t.false(called);
});

test.serial('a call in months comes when it is due, and not when it is cancelled on the way', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const delayMs = 3 * longestTimerMs + 1_000;
    let calls = 0;
    systemClock.after(delayMs, () => calls++);
    const cancelled = systemClock.after(delayMs, () => calls++);
    for (let timers = 0; timers < 3; timers++) mock.timers.tick(longestTimerMs);
    mock.timers.tick(999);
    cancelled.cancel();
    t.is(calls, 0);
    mock.timers.tick(1);
    t.is(calls, 1);
  } finally {
    mock.timers.reset();
  }
});
