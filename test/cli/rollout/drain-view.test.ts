import test from 'ava';
import { drainLine, withSample, type DrainSample } from '../../../cli/rollout/drain-view.ts';

const wallMs = Date.parse('2026-11-22T16:00:00Z');

function line(counts: readonly number[], untilMs?: number): string {
  let samples: readonly DrainSample[] = [];
  for (const [index, connections] of counts.entries())
    samples = withSample(samples, { atMs: index * 1_000, connections });
  return drainLine('b2', samples, wallMs, untilMs);
}

test('a drain tells what is left, how fast it ends and when it will have ended', (t) => {
  t.is(line([]), 'b2: not counted yet');
  t.is(line([100]), 'b2: 100 connections');
  t.is(line([100, 95, 90]), 'b2: 90 connections, 5.0 end per second, the last in about 18s');
  t.is(line([7, 7, 7]), 'b2: 7 connections, 0.0 end per second');
  t.is(line([7, 0]), 'b2: no connection is left');
});

test('a deadline that comes before the last one would have ended is told instead', (t) => {
  const until = wallMs + 300_000;
  t.is(
    line([1_000, 999, 998], until),
    'b2: 998 connections, 1.0 end per second, the rest is closed in 5m, at 2026-11-22T16:05:00Z',
  );
  t.regex(line([100, 90, 80], until), /the last in about 8s$/);
  t.regex(line([100, 90, 80], wallMs), /the rest is being closed$/);
});
