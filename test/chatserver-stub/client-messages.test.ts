import test from 'ava';
import fc from 'fast-check';
import { parseClientMessage } from '../../chatserver-stub/client-messages.ts';
import { mostLineBytes } from '../../chatserver-stub/limits.ts';
import { encodeLine } from '../../chatserver-stub/line-codec.ts';
import { isFault } from '../../chatserver-stub/protocol.ts';
import { isText } from '../../chatserver-stub/validate.ts';

const parse = (message: unknown): unknown => parseClientMessage(Buffer.from(JSON.stringify(message)));

const accepted = test.macro({
  exec: (t, message: object, parsed?: object) => t.deepEqual(parse(message), parsed ?? message),
  title: (_title, message: object, _parsed?: object) => `accepted: ${JSON.stringify(message)}`,
});
test(accepted, { type: 'login', name: 'ann' });
test(accepted, { type: 'login', name: 'ann', session: 'A-z_9' });
test(accepted, { type: 'login', name: 'Zoë-日本!' });
test(accepted, { type: 'login', name: 'Zoe\u0308' }, { type: 'login', name: 'Zo\u00eb' });
test(accepted, { type: 'login', name: 'x'.repeat(32) });
test(accepted, { type: 'say', text: 'hi' });
test(accepted, { type: 'say', text: 'hi', id: 9_007_199_254_740_991 });
test(accepted, { type: 'tell', to: 'bob', text: ' spaces are fine ', id: 1 });
test(accepted, { type: 'who', something: 'new' }, { type: 'who' });
test(accepted, { type: 'ping' });

const refused = test.macro({
  exec: (t, message: unknown, code: string) => t.like(parse(message), { fault: code }),
  title: (_title, message: unknown, code: string) =>
    `refused as ${code}: ${JSON.stringify(message).slice(0, 60)}`,
});
test(refused, null, 'bad-message');
test(refused, 'login', 'bad-message');
test(refused, [{ type: 'who' }], 'bad-message');
test(refused, {}, 'bad-message');
test(refused, { type: 'toString' }, 'bad-message');
test(refused, { fault: 'not-json', message: '' }, 'bad-message');
test(refused, { type: 'login' }, 'bad-name');
test(refused, { type: 'login', name: 'x'.repeat(33) }, 'bad-name');
test(refused, { type: 'login', name: 'a\tb' }, 'bad-name');
test(refused, { type: 'login', name: 'a\u00a0b' }, 'bad-name');
test(refused, { type: 'login', name: 'a\u200bb' }, 'bad-name');
test(refused, { type: 'login', name: 7 }, 'bad-name');
test(refused, { type: 'login', name: 'ann', session: 'x'.repeat(65) }, 'bad-message');
test(refused, { type: 'say' }, 'bad-text');
test(refused, { type: 'say', text: 'two\nlines' }, 'bad-text');
test(refused, { type: 'say', text: '\u009b2J' }, 'bad-text');
test(refused, { type: 'say', text: '\u2028' }, 'bad-text');
test(refused, { type: 'say', text: '\ud800' }, 'bad-text');
test(refused, { type: 'say', text: 'hi', id: 1.5 }, 'bad-message');
test(refused, { type: 'say', text: 'hi', id: '1' }, 'bad-message');
test(refused, { type: 'tell', to: 'bob', text: 'hi', id: -1 }, 'bad-message');

test('bytes that are not JSON, or not UTF-8, are told apart from wrong messages', (t) => {
  t.like(parseClientMessage(Buffer.from('hello')), { fault: 'not-json' });
  t.like(parseClientMessage(Buffer.from('{"type":"who"')), { fault: 'not-json' });
  t.like(parseClientMessage(Buffer.from('{"type":"say","text":"\xff"}', 'latin1')), { fault: 'not-json' });
});

test('no bytes make it throw', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        t.is(typeof parseClientMessage(Buffer.from(bytes)), 'object');
      },
    ),
  );
});

test('whatever text is accepted fits into one line to the listeners, with the longest names around it', (t) => {
  const unit = fc.constantFrom('x', '"', '\\', '日', '\u00e9', '😀', '\u2029x'.slice(1));
  fc.assert(
    fc.property(fc.string({ unit, minLength: 1, maxLength: 3_600 }), (text) => {
      if (!isText(text)) return;
      const line = encodeLine({ type: 'message', from: '😀'.repeat(32), server: 's'.repeat(63), text });
      t.true(line.length - 1 <= mostLineBytes);
    }),
  );
});

test('a message that is no fault keeps only the fields of its type', (t) => {
  const parsed = parseClientMessage(
    Buffer.from('{"type":"say","text":"hi","__proto__":{"id":1},"to":"bob"}'),
  );
  t.false(isFault(parsed));
  t.deepEqual(parsed, { type: 'say', text: 'hi' });
});
