import test from 'ava';
import { durationMs, oneOf, parseOptions } from '../../cli/options.ts';

test('durations carry a unit', (t) => {
  t.is(durationMs('grace', '250ms'), 250);
  t.is(durationMs('grace', '30s'), 30_000);
  t.is(durationMs('grace', '1.5m'), 90_000);
  t.is(durationMs('grace', undefined), undefined);
  for (const text of ['30', 's', '-1s', '1 s', ''])
    t.throws(() => durationMs('grace', text), { code: 'HEADGATE_CLI_USAGE' }, text);
});

test('a duration outside its range is refused with the range', (t) => {
  t.is(durationMs('grace', '24h'), 86_400_000);
  t.throws(() => durationMs('grace', '25h'), {
    code: 'HEADGATE_CLI_USAGE',
    message: '--grace 25h: expected a duration such as 500ms, 30s, 5m, from 0ms to 24h',
  });
  t.is(durationMs('push-interval', '1ms', [1, 1_000]), 1);
  t.throws(() => durationMs('push-interval', '0ms', [1, 1_000]), { message: /from 1ms to 1s/ });
});

test('an unknown option is a usage error of one short line', (t) => {
  const error = t.throws(() => parseOptions(['--watcj'], { watch: { type: 'boolean' } }), {
    code: 'HEADGATE_CLI_USAGE',
  });
  t.regex(error!.message, /unknown option '--watcj'/);
});

test('a word that is not one of the list is told with the list', (t) => {
  t.is(oneOf('log-level', 'warn', ['info', 'warn']), 'warn');
  t.throws(() => oneOf('log-level', 'loud', ['info', 'warn']), {
    message: '--log-level loud: expected info, warn',
  });
});

test('a negative number is a value, and a value that is missing is told without a stray mark', (t) => {
  const options = { grace: { type: 'string' }, skip: { type: 'string', multiple: true } } as const;
  const { values, positionals } = parseOptions(
    ['b1', '-1', '--grace', '-5s', '--skip', '-2', '--skip=-3'],
    options,
  );
  t.deepEqual({ ...values }, { grace: '-5s', skip: ['-2', '-3'] });
  t.deepEqual(positionals, ['b1', '-1']);
  t.throws(() => parseOptions(['--grace', '--skip', 'b1'], options), {
    code: 'HEADGATE_CLI_USAGE',
    message: '--grace has no value',
  });
  t.throws(() => parseOptions(['-5s', '--graec'], options), { message: "unknown option '--graec'" });
});
