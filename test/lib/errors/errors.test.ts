import test from 'ava';
import { describeError, errnoCode, HeadgateError, isHeadgateError } from '../../../lib/errors/index.ts';

test('an error is told as its cause chain, outermost first, then the cure, in one line', (t) => {
  const inner = new Error('listen EADDRINUSE\n127.0.0.1:9000');
  const error = new HeadgateError('HEADGATE_NODE_START', 'director d1', {
    cause: new Error('the VIP', { cause: inner }),
    cure: 'stop the other program',
  });
  t.is(
    describeError(error),
    'director d1: the VIP: listen EADDRINUSE 127.0.0.1:9000; stop the other program',
  );
});

test('the cure of the outermost error that has one is told', (t) => {
  const inner = new HeadgateError('HEADGATE_CLI_USAGE', 'no file', { cure: 'name one' });
  t.is(describeError(new Error('starting', { cause: inner })), 'starting: no file; name one');
});

test('a chain that bites its own tail ends', (t) => {
  const one = new Error('one');
  const two = new Error('two', { cause: one });
  one.cause = two;
  t.is(describeError(two), 'two: one');
});

test('what was thrown without being an error is told too', (t) => {
  t.is(describeError('a string'), 'a string');
});

test('errors are recognized by their code', (t) => {
  const error = new HeadgateError('HEADGATE_CLI_USAGE', 'no');
  t.true(isHeadgateError(error));
  t.true(isHeadgateError(error, 'HEADGATE_CLI_USAGE'));
  t.false(isHeadgateError(error, 'HEADGATE_NODE_START'));
  t.false(isHeadgateError(new Error('no')));
  t.is(errnoCode(Object.assign(new Error('no'), { code: 'EPIPE' })), 'EPIPE');
  t.is(errnoCode('EPIPE'), undefined);
});
