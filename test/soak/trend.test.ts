import test from 'ava';
import { SeededRandom } from '../../soak/seeded-random.ts';
import { fewestSamples, shortestMs, trendOf, type Sample } from '../../soak/trend.ts';

const tolerance = { share: 0.1, least: 10 };
const hourMs = 3_600_000;

/** A sample a minute; `value` by minute and connections, which go up and down by chance. */
function samplesOf(
  minutes: number,
  value: (minute: number, connections: number, noise: number) => number,
): Sample[] {
  const random = new SeededRandom(1);
  return Array.from({ length: minutes }, (_, minute) => {
    const connections = random.whole(0, 100);
    const noise = random.whole(-20, 20);
    return { atMs: minute * 60_000, connections, value: value(minute, connections, noise) };
  });
}

test('a leak is found, with its slope, under connections that come and go', (t) => {
  const trend = trendOf(
    samplesOf(60, (minute, connections) => 1_000 + 2 * connections + 5 * minute),
    tolerance,
  )!;
  t.false(trend.isFlat);
  t.true(Math.abs(trend.slopePerHour - 300) < 1e-6, `${trend.slopePerHour}`);
  t.is(trend.minutes, 44);
});

test('what connections cost is no leak, and noise is none', (t) => {
  const trend = trendOf(
    samplesOf(60, (_, connections, noise) => 1_000 + 50 * connections + noise),
    tolerance,
  )!;
  t.true(trend.isFlat);
  t.true(Math.abs(trend.growth) < 30, `${trend.growth}`);
});

test('growth up to the tolerance is flat, beyond it is not, and what shrinks is flat', (t) => {
  const grown = (perMinute: number) =>
    trendOf(
      samplesOf(61, (minute) => 1_000 + perMinute * minute),
      tolerance,
    )!;
  t.true(grown(2).isFlat);
  t.false(grown(3).isFlat);
  t.true(grown(-50).isFlat);
});

test('what a process takes at its beginning is left out', (t) => {
  const trend = trendOf(
    samplesOf(80, (minute) => 1_000 + 100 * Math.min(minute, 19)),
    tolerance,
  )!;
  t.is(trend.growth, 0);
});

test('connections that never change, or grow with the time, divide by nothing', (t) => {
  for (const connections of [() => 7, (minute: number) => minute]) {
    const samples = Array.from({ length: 40 }, (_, minute) => ({
      atMs: minute * 60_000,
      connections: connections(minute),
      value: 100 * minute,
    }));
    t.is(Math.round(trendOf(samples, tolerance)!.slopePerHour), 6_000);
  }
});

test('too few samples, or too short a time, say nothing', (t) => {
  t.is(trendOf([], tolerance), undefined);
  const every = (count: number, ms: number): Sample[] =>
    Array.from({ length: count }, (_, index) => ({ atMs: index * ms, connections: 0, value: 1 }));
  t.is(trendOf(every(fewestSamples, hourMs), tolerance), undefined, 'a quarter is left out');
  t.is(trendOf(every(40, shortestMs / 40), tolerance), undefined);
  t.not(trendOf(every(40, shortestMs / 20), tolerance), undefined);
});
