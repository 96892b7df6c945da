import test from 'ava';
import { Progress } from '../../soak/progress.ts';
import { ManualClock } from '../manual-clock.ts';

test('a line a minute, and the end when the cases are done', (t) => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const progress = new Progress({ cases: 100, untilMs: undefined }, clock, (line) => lines.push(line));
  for (let half = 1; half <= 4; half++) {
    clock.advance(30_000);
    progress.advance(20, () => `${half} halves`);
  }
  t.deepEqual(lines, ['1 min, 40 of 100 cases, 2 halves', '2 min, 80 of 100 cases, 4 halves']);
  t.is(progress.casesLeft, 20);
  t.false(progress.isOver);
  progress.advance(20);
  t.true(progress.isOver);
});

test('time ends it, however many cases are done', (t) => {
  const clock = new ManualClock();
  const progress = new Progress({ cases: undefined, untilMs: 60_000 }, clock, () => {});
  progress.advance(1_000_000);
  t.false(progress.isOver);
  clock.advance(60_000);
  t.true(progress.isOver);
});
