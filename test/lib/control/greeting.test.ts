import test from 'ava';
import { greetingLine, keyStatement, statedKeyId } from '../../../lib/control/greeting.ts';

test('the greeting is one line with the version and the key id', (t) => {
  t.is(greetingLine('98fe01ab'), 'headgate/1 key=98fe01ab\n');
  t.is(statedKeyId(keyStatement('98fe01ab')), '98fe01ab');
});

for (const wrong of [
  '',
  'headgate/2 key=98fe01ab',
  'headgate/1 key=98FE01AB',
  'headgate/1 key=98fe01a',
  'headgate/1 key=98fe01ab\n',
  ' headgate/1 key=98fe01ab',
  'SSH-2.0-OpenSSH_9.2',
]) {
  test(`${JSON.stringify(wrong)} states no key id`, (t) => t.is(statedKeyId(wrong), undefined));
}
