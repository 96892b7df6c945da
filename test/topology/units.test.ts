import test from 'ava';
import fc from 'fast-check';
import {
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  suggestDuration,
  suggestSize,
} from '../../topology/units.ts';

test('durations are read with their unit', (t) => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['250ms', 250],
    ['1s', 1_000],
    ['1.5s', 1_500],
    ['0.1s', 100],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['0s', 0],
    ['1', undefined],
    ['1 s', undefined],
    ['-1s', undefined],
    ['1.0005s', undefined],
    ['1d', undefined],
    ['', undefined],
    ['9999999999999999h', undefined],
  ];
  for (const [text, ms] of cases) t.is(parseDuration(text), ms, text);
});

test('sizes are read with their unit, in powers of 1,024', (t) => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['512B', 512],
    ['64KiB', 65_536],
    ['0.5MiB', 524_288],
    ['1GiB', 1_073_741_824],
    ['64KB', undefined],
    ['64K', undefined],
    ['65536', undefined],
    ['0.3B', undefined],
  ];
  for (const [text, bytes] of cases) t.is(parseSize(text), bytes, text);
});

test('every duration and size survives being printed and read', (t) => {
  fc.assert(
    fc.property(fc.nat(2 ** 40), (value) => {
      t.is(parseDuration(formatDuration(value)), value);
      t.is(parseSize(formatSize(value)), value);
    }),
  );
  t.is(formatDuration(300_000), '5m');
  t.is(formatSize(262_144), '256KiB');
});

test('what was probably meant is guessed for common ways to write a unit', (t) => {
  t.is(suggestDuration(5), '5s');
  t.is(suggestDuration('5 sec'), '5s');
  t.is(suggestDuration('250 MS'), '250ms');
  t.is(suggestDuration('2 minutes'), '2m');
  t.is(suggestDuration('1d'), '24h');
  t.is(suggestDuration('soon'), undefined);
  t.is(suggestSize(65_536), '64KiB');
  t.is(suggestSize('64kB'), '64KiB');
  t.is(suggestSize('1 m'), '1MiB');
  t.is(suggestSize('big'), undefined);
});
