import test from 'ava';
import { soakOptions } from '../../soak/options.ts';

test('without arguments the cluster is soaked for an hour, with any seed', (t) => {
  t.deepEqual(soakOptions([], 77), {
    name: 'cluster',
    cases: undefined,
    untilMs: 3_600_000,
    seed: 77,
    json: undefined,
  });
});

test('model and topology have their usual numbers of cases, and a limit of either kind replaces them', (t) => {
  t.is(soakOptions(['model'], 1).cases, 10_000_000);
  t.is(soakOptions(['topology'], 1).cases, 1_000_000);
  t.like(soakOptions(['model', '--hours', '0.5'], 1), { cases: undefined, untilMs: 1_800_000 });
  t.like(soakOptions(['cluster', '--cases', '9', '--seed', '0', '--json', 'a'], 1), {
    cases: 9,
    untilMs: undefined,
    seed: 0,
    json: 'a',
  });
});

for (const args of [
  ['nobody'],
  ['model', 'topology'],
  ['--cases', '0'],
  ['--cases', '1.5'],
  ['--hours', '-1'],
  ['--hours', 'many'],
  ['--seed', '4294967296'],
  ['--hours', '1', '--cases', '1'],
  ['--minutes', '3'],
]) {
  test(`${args.join(' ')} is refused`, (t) => {
    t.throws(() => soakOptions(args, 1));
  });
}
