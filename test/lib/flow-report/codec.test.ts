import test from 'ava';
import fc from 'fast-check';
import { controlLimits, type Json } from '../../../lib/control/index.ts';
import {
  clientOfKey,
  clientsPerFrame,
  endpointKey,
  flowKeyOf,
  frameBody,
  readFrame,
  type FlowFrame,
} from '../../../lib/flow-report/index.ts';
import { addressBytes } from '../../../lib/address/index.ts';
import { FlowReceiver } from '../../../lib/flow-report/receiver.ts';

const port = fc.integer({ min: 0, max: 65_535 });
const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => {
    bytes[0] = 0x20;
    return bytes;
  }),
);
const key = fc.record({ address, port }).map(flowKeyOf);
const keys = fc.array(key, { maxLength: 50 });
const frames: fc.Arbitrary<FlowFrame> = fc.record({
  sequence: fc.integer({ min: 1 }),
  service: fc.string({ maxLength: 64 }),
  listing: fc.constantFrom('none', 'begin', 'part', 'end'),
  confirmed: keys,
  disowned: keys,
});

test('a frame is read as it was written', (t) => {
  fc.assert(
    fc.property(frames, (frame) => {
      t.deepEqual(readFrame(JSON.parse(JSON.stringify(frameBody(frame)))), frame);
    }),
  );
});

test('a frame in bytes', (t) => {
  const frame: FlowFrame = {
    sequence: 7,
    service: 'chat',
    listing: 'begin',
    confirmed: [endpointKey({ host: '192.0.2.1', port: 50_000 })],
    disowned: [endpointKey({ host: '2001:db8::1', port: 1 })],
  };
  const v4 = Buffer.from('06 c0000201 c350'.replaceAll(' ', ''), 'hex');
  const v6 = Buffer.from('12 20010db8000000000000000000000001 0001'.replaceAll(' ', ''), 'hex');
  t.deepEqual(frameBody(frame), {
    sequence: 7,
    service: 'chat',
    listing: 'begin',
    confirmed: v4.toString('base64'),
    disowned: v6.toString('base64'),
  });
});

test('a client is its key and back, and a v4-mapped address is the IPv4 one', (t) => {
  fc.assert(
    fc.property(address, port, (bytes, number) => {
      const client = clientOfKey(flowKeyOf({ address: bytes, port: number }));
      t.deepEqual([[...client.address], client.port], [[...bytes], number]);
    }),
  );
  const mapped = { address: addressBytes('192.0.2.1'), port: 80 };
  t.is(mapped.address.length, 16);
  t.is(flowKeyOf(mapped), endpointKey({ host: '192.0.2.1', port: 80 }));
  t.is(clientOfKey(flowKeyOf(mapped)).address.length, 4);
});

test('a full frame of IPv6 clients fits the control channel many times', (t) => {
  const confirmed = Array.from({ length: clientsPerFrame }, (_, index) =>
    endpointKey({ host: '2001:db8::1', port: index + 1 }),
  );
  const frame: FlowFrame = { sequence: 1, service: 'x', listing: 'part', confirmed, disowned: [] };
  t.true(JSON.stringify(frameBody(frame)).length * 16 < controlLimits.frameBytes);
  t.deepEqual(readFrame(frameBody(frame)), frame);
});

const right = { sequence: 1, service: 'chat', listing: 'none', confirmed: '', disowned: '' };
const tooMany = Buffer.concat(
  Array.from({ length: clientsPerFrame + 1 }, () => Buffer.from('06c0000201c350', 'hex')),
).toString('base64');
const wrong: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['sequence 0', { ...right, sequence: 0 }],
  ['an unknown listing', { ...right, listing: 'middle' }],
  ['an endless name', { ...right, service: 'x'.repeat(257) }],
  ['a list that is none', { ...right, confirmed: [] }],
  ['a key of another length', { ...right, confirmed: Buffer.from('05c0000201c3', 'hex').toString('base64') }],
  ['a key cut off', { ...right, disowned: Buffer.from('06c0000201c3', 'hex').toString('base64') }],
  ['more clients than a frame has', { ...right, confirmed: tooMany }],
];
for (const [what, body] of wrong) test(`${what} is no frame`, (t) => t.is(readFrame(body), undefined));

test('reading never throws', (t) => {
  fc.assert(fc.property(fc.jsonValue(), (body) => void readFrame({ ...right, confirmed: body as Json })));
  t.pass();
});

test('a receiver that misses a frame asks anew, and passes over the rest until the first of the new ones', (t) => {
  const receiver = new FlowReceiver();
  const kinds = (...sequences: unknown[]): string[] =>
    sequences.map((sequence) => receiver.take({ ...right, sequence }).kind);
  t.deepEqual(kinds(1, 2, 4, 5, 6, 1, 2), ['frame', 'frame', 'lost', 'late', 'late', 'frame', 'frame']);
  t.deepEqual(kinds('x', 3, 1), ['lost', 'late', 'frame']);
  t.deepEqual(
    kinds(2, 3, 1, 2),
    ['frame', 'frame', 'frame', 'frame'],
    'the first frame of another subscription',
  );
});
