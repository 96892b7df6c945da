import test from 'ava';
import { Conditions } from '../../balancer/conditions.ts';
import { ManualClock } from '../manual-clock.ts';

test('a condition is looked at at once and after each wake', async (t) => {
  const conditions = new Conditions(new ManualClock());
  await conditions.when(() => true);
  let value = 0;
  const two = conditions.when(() => value === 2).then(() => value);
  value = 1;
  conditions.wake();
  value = 2;
  conditions.wake();
  value = 3;
  t.is(await two, 3);
});

test('waiting ends when the time is over and when it is closed, and leaves no timer', async (t) => {
  const clock = new ManualClock();
  const conditions = new Conditions(clock);
  const timed = conditions.when(() => false, 100);
  clock.advance(100);
  await timed;
  const open = conditions.when(() => false, 100);
  conditions.close();
  await open;
  await conditions.when(() => false);
  t.is(clock.pending, 0);
});
