import test from 'ava';
import { readTyped, showMessage, showPeople, type Typed } from '../../cli/chat-lines.ts';

const typed = test.macro({
  exec: (t, line: string, wanted: Typed) => t.deepEqual(readTyped(line), wanted),
  title: (_title, line: string, _wanted: Typed) => `typed: ${JSON.stringify(line)}`,
});
test(typed, 'hi there ', { kind: 'say', text: 'hi there' });
test(typed, '   ', { kind: 'nothing' });
test(typed, '/who', { kind: 'who' });
test(typed, '/quit', { kind: 'quit' });
test(typed, '/tell bob  are you there?', { kind: 'tell', to: 'bob', text: 'are you there?' });
test(typed, '/tell bob', { kind: 'mistake', message: 'say /tell NAME TEXT' });
test(typed, '/nick x', {
  kind: 'mistake',
  message: 'no command /nick; there are /who, /tell NAME TEXT and /quit',
});
test(typed, '//etc/hosts', { kind: 'say', text: '/etc/hosts' });

test('who speaks is shown with the chat server they are on', (t) => {
  t.is(showMessage({ type: 'message', from: 'ann', server: 'c1', text: 'hi' }), 'ann@c1: hi');
  t.is(showMessage({ type: 'told', from: 'ann', server: 'c1', text: 'hi' }), 'ann@c1 (to you): hi');
  t.is(showMessage({ type: 'joined', name: 'bob', server: 'c2' }), '* bob came, on c2');
  t.is(showMessage({ type: 'push', seq: 1 }), undefined);
});

test('a server cannot write control sequences to the terminal', (t) => {
  const shown = showMessage({ type: 'message', from: 'ann', server: 'c1', text: '\u001b[2J\u009b\n' });
  t.is(shown, 'ann@c1: \ufffd[2J\ufffd\ufffd');
});

test('more people than are listed are counted', (t) => {
  const people = [{ name: 'ann', server: 'c1' }];
  t.is(showPeople({ people, total: 1 }), 'here: ann@c1');
  t.is(showPeople({ people, total: 501 }), 'here: ann@c1 and 500 more');
});
