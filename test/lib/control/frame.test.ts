import test from 'ava';
import { encodeFrame, type Frame } from '../../../lib/control/frame.ts';

const limit = 1_048_576;

const golden: readonly (readonly [title: string, frame: Frame, hex: string])[] = [
  [
    'a request',
    { kind: 'request', id: 0x01020304, method: 'heartbeat', body: { node: 'd1' } },
    // length 28 = 6 + 9 + 13, kind 2, method of 9 bytes, id, "heartbeat", {"node":"d1"}
    '0000001c' + '02' + '09' + '01020304' + '686561727462656174' + '7b226e6f6465223a226431227d',
  ],
  [
    'a hello',
    { kind: 'hello', id: 1, method: '', body: {} },
    // length 8 = 6 + 2, kind 1, no method, id 1, {}
    '00000008' + '01' + '00' + '00000001' + '7b7d',
  ],
  [
    'a response with the highest id',
    { kind: 'response', id: 0xffff_ffff, method: '', body: null },
    // length 10 = 6 + 4, kind 3, no method, id, null
    '0000000a' + '03' + '00' + 'ffffffff' + '6e756c6c',
  ],
  [
    'an error',
    { kind: 'error', id: 7, method: '', body: 'é' },
    // length 10 = 6 + 4, kind 4, no method, id 7, "é" in two bytes between quotes
    '0000000a' + '04' + '00' + '00000007' + '22c3a922',
  ],
  [
    'a notify',
    { kind: 'notify', id: 0, method: 'tell', body: 1 },
    // length 11 = 6 + 4 + 1, kind 5, method of 4 bytes, no id, "tell", 1
    '0000000b' + '05' + '04' + '00000000' + '74656c6c' + '31',
  ],
];

for (const [title, frame, hex] of golden) {
  test(`${title} has exactly these bytes`, (t) => {
    t.is(encodeFrame(frame, limit).toString('hex'), hex);
  });
}

test('a frame may be as large as the limit and no larger', (t) => {
  const frame = (text: string): Frame => ({ kind: 'response', id: 1, method: '', body: text });
  t.is(encodeFrame(frame('a'.repeat(88)), 100).length, 100);
  t.throws(() => encodeFrame(frame('a'.repeat(89)), 100), { code: 'HEADGATE_CONTROL_TOO_LARGE' });
});
