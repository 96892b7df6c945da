import test from 'ava';
import fc from 'fast-check';
import { encodeFrame, type Frame } from '../../../lib/control/frame.ts';
import { FrameDecoder, type Decoded } from '../../../lib/control/frame-decoder.ts';
import type { Json } from '../../../lib/control/types.ts';

const limit = 4_096;

const frames: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('hello' as const, 'response' as const, 'error' as const),
    id: fc.integer({ min: 1, max: 0xffff_ffff }),
    method: fc.constant(''),
    body: fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
  }),
  fc.record({
    kind: fc.constant('request' as const),
    id: fc.integer({ min: 1, max: 0xffff_ffff }),
    method: fc.stringMatching(/^[a-z][a-z0-9.-]{0,63}$/),
    body: fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
  }),
  fc.record({
    kind: fc.constant('notify' as const),
    id: fc.constant(0),
    method: fc.stringMatching(/^[a-z][a-z0-9.-]{0,63}$/),
    body: fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
  }),
);

/** All that a decoder gives for these chunks, up to the first broken rule. */
function decodeAll(chunks: readonly Uint8Array[]): { frames: Frame[]; broken: string | undefined } {
  const decoder = new FrameDecoder(limit);
  const found: Frame[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    for (let decoded: Decoded = decoder.next(); decoded.status !== 'more'; decoded = decoder.next()) {
      if (decoded.status === 'broken') return { frames: found, broken: decoded.reason };
      found.push(decoded.frame);
    }
  }
  return { frames: found, broken: undefined };
}

/** Cuts bytes into chunks whose sizes repeat. */
function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

test('frames come out as they went in, however their bytes are cut', (t) => {
  fc.assert(
    fc.property(
      fc.array(frames, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 6 }),
      (sent, sizes) => {
        const bytes = Buffer.concat(sent.map((frame) => encodeFrame(frame, 1_048_576)));
        fc.pre(sent.every((frame) => encodeFrame(frame, 1_048_576).length <= limit));
        // Through JSON, as -0 becomes 0 there.
        const expected: unknown = JSON.parse(JSON.stringify(sent));
        const got = decodeAll(cut(bytes, sizes));
        t.deepEqual(got as unknown, { frames: expected, broken: undefined });
      },
    ),
    { numRuns: 300 },
  );
});

test('any bytes give frames, "more" or a broken rule, the same for every way of cutting, and never throw', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        // Right length and kind, so that the deeper rules are reached.
        fc.uint8Array({ minLength: 1, maxLength: 200 }).map((rest) => {
          const bytes = Buffer.concat([Buffer.alloc(5), rest]);
          bytes.writeUInt32BE(bytes.length - 4, 0);
          bytes.writeUInt8(1 + (rest[0]! % 5), 4);
          return bytes;
        }),
      ),
      fc.integer({ min: 1, max: 40 }),
      (bytes, size) => {
        t.deepEqual(decodeAll(cut(bytes, [size])), decodeAll([bytes]));
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a frame cut off at any byte is not enough yet', (t) => {
  const bytes = encodeFrame({ kind: 'request', id: 9, method: 'status', body: { a: [1, 2] } }, limit);
  for (let length = 0; length < bytes.length; length += 1) {
    t.deepEqual(decodeAll([bytes.subarray(0, length)]), { frames: [], broken: undefined });
  }
});

const breaks: readonly (readonly [title: string, hex: string, reason: RegExp])[] = [
  [
    'a length beyond the limit is refused as soon as it is read',
    '00001000',
    /4100 bytes is larger than 4096/,
  ],
  ['the largest length is refused', 'ffffffff', /larger/],
  ['a length shorter than the header is refused', '00000005', /shorter than its header/],
  ['an unknown kind is refused', '00000008' + '06' + '00' + '00000001' + '7b7d', /unknown kind of frame 6/],
  ['kind 0 is refused', '00000008' + '00' + '00' + '00000001' + '7b7d', /unknown kind of frame 0/],
  [
    'a method longer than the frame is refused',
    '00000008' + '02' + '03' + '00000001' + '6161',
    /longer than its frame/,
  ],
  ['a request without a method is refused', '00000008' + '02' + '00' + '00000001' + '7b7d', /wrong method/],
  [
    'a method with a line feed is refused',
    '0000000a' + '02' + '02' + '00000001' + '610a' + '7b7d',
    /wrong method/,
  ],
  [
    'a response with a method is refused',
    '00000009' + '03' + '01' + '00000001' + '61' + '7b7d',
    /wrong method/,
  ],
  ['a request with id 0 is refused', '00000009' + '02' + '01' + '00000000' + '61' + '7b7d', /request id 0/],
  ['a notify with an id is refused', '00000009' + '05' + '01' + '00000001' + '61' + '7b7d', /request id 1/],
  ['a body that is not UTF-8 is refused', '00000009' + '03' + '00' + '00000001' + '22ff22', /not JSON/],
  ['a body that is not JSON is refused', '00000008' + '03' + '00' + '00000001' + '7b7b', /not JSON/],
  ['an empty body is refused', '00000006' + '03' + '00' + '00000001', /not JSON/],
];

for (const [title, hex, reason] of breaks) {
  test(title, (t) => {
    const { frames: found, broken } = decodeAll([Buffer.from(hex, 'hex')]);
    t.deepEqual(found, []);
    t.regex(broken ?? '', reason);
  });
}

test('once broken it stays broken and holds nothing more', (t) => {
  const decoder = new FrameDecoder(limit);
  decoder.push(Buffer.from('ffffffff', 'hex'));
  t.is(decoder.next().status, 'broken');
  decoder.push(encodeFrame({ kind: 'hello', id: 1, method: '', body: {} }, limit));
  t.is(decoder.next().status, 'broken');
});

test('a large frame in one-byte chunks comes out whole', (t) => {
  const decoder = new FrameDecoder(1_048_576);
  const body = 'x'.repeat(200_000);
  for (const byte of encodeFrame({ kind: 'response', id: 1, method: '', body }, 1_048_576))
    decoder.push(Uint8Array.of(byte));
  const decoded = decoder.next();
  t.true(decoded.status === 'frame' && decoded.frame.body === body);
});
