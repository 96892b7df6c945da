import test from 'ava';
import { describeError } from '../../../lib/errors/index.ts';
import { codeOf, failure } from '../../../lib/raw-socket/failure.ts';

test('the texts that the package throws become codes; what is not known stays as it is', (t) => {
  t.is(codeOf(new Error('Operation not permitted')), 'EPERM');
  t.is(codeOf(new Error('Message too long')), 'EMSGSIZE');
  t.is(codeOf('Network is unreachable'), 'ENETUNREACH');
  t.is(codeOf(new Error('Strange')), 'Strange');
});

test('missing permission is told with its cure, anything else with its code', (t) => {
  const forbidden = failure('open a raw socket', new Error('Operation not permitted'));
  t.is(forbidden.code, 'HEADGATE_RAW_SOCKET_PERMISSION');
  t.regex(
    describeError(forbidden),
    /^open a raw socket: not permitted \(EPERM\); run as root or with CAP_NET_RAW/,
  );
  const failed = failure('send', new Error('Message too long'));
  t.deepEqual([failed.code, failed.facts['code']], ['HEADGATE_RAW_SOCKET_FAILED', 'EMSGSIZE']);
  t.is(describeError(failed), 'send: message too long (EMSGSIZE)');
  t.is(describeError(failure('send', new Error('Strange'))), 'send: Strange');
});
