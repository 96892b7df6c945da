import test from 'ava';
import { until } from './until.ts';

test('until resolves with the first truthy answer', async (t) => {
  let asked = 0;
  const answer = await until(() => (++asked === 3 ? `asked ${asked}` : undefined), {
    describe: 'the third question',
    everyMs: 1,
  });
  t.is(answer, 'asked 3');
});

test('a condition that throws counts as not yet', async (t) => {
  let asked = 0;
  const answer = await until(
    () => {
      if (++asked < 3) throw new Error('too early');
      return asked;
    },
    { describe: 'three questions', everyMs: 1 },
  );
  t.is(answer, 3);
});

test('the error at the deadline tells what was awaited and the last answer', async (t) => {
  const error = await t.throwsAsync(
    until(() => Promise.resolve(0), { describe: 'a connection', timeoutMs: 5, everyMs: 1 }),
  );
  t.is(error.message, 'waited 5 ms for a connection; last answer: 0');
});

test('the error at the deadline tells the last error and carries it as its cause', async (t) => {
  const refused = new Error('connection refused');
  const error = await t.throwsAsync(
    until(() => Promise.reject(refused), { describe: 'a connection', timeoutMs: 5, everyMs: 1 }),
  );
  t.is(error.message, 'waited 5 ms for a connection; last error: connection refused');
  t.is(error.cause, refused);
});

test('waiting that has become hopeless ends at once and tells why', async (t) => {
  const error = await t.throwsAsync(
    until(() => false, { describe: 'a listener', hopeless: () => 'the program has ended' }),
  );
  t.is(error.message, 'waited for a listener: the program has ended; last answer: false');
});
