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
