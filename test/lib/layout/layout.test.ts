import test from 'ava';
import {
  array,
  be16,
  be32,
  be64,
  bytes,
  i16,
  i32,
  i64,
  i8,
  layout,
  pad,
  struct,
  u16,
  u32,
  u64,
  u8,
} from '../../../lib/layout/index.ts';

const key = layout('key', { client: bytes(4), port: be16, kind: u8, gap: pad(1), at: u64 }, { size: 16 });

test('fields lie where the table says, in the byte order of their type', (t) => {
  const encoded = key.encode({ client: Uint8Array.of(10, 0, 0, 1), port: 0x1234, kind: 7, at: 0x0102n });
  t.is(Buffer.from(encoded).toString('hex'), '0a000001' + '1234' + '07' + '00' + '0201000000000000');
  t.deepEqual(key.fields.port, { offset: 4, size: 2, type: 'be16' });
  t.is(key.offsetOf('at'), 8);
});

test('what was written is read, at any place in memory', (t) => {
  const all = layout(
    'all',
    { a: i8, b: u8, c: i16, d: i32, e: i64, f: be64, g: be32, h: u32, i: array(u16, 4) },
    { size: 40 },
  );
  const values = {
    a: -1,
    b: 255,
    c: -300,
    d: -2_147_483_648,
    e: -(2n ** 63n),
    f: 2n ** 64n - 1n,
    g: 0xdead_beef,
    h: 0xffff_ffff,
    i: [1, 2, 3, 0xffff],
  };
  const memory = new Uint8Array(64);
  all.write(memory, values, 3);
  t.deepEqual(all.read(memory, 3), values);
  t.is(all.get(memory, 'g', 3), 0xdead_beef);
  all.set(memory, 'b', 9, 3);
  t.is(all.get(memory, 'b', 3), 9);
});

test('a partial write leaves the other fields', (t) => {
  const memory = key.encode({ client: Uint8Array.of(1, 2, 3, 4), port: 5, kind: 6, at: 7n });
  key.write(memory, { port: 8 });
  t.like(key.read(memory), { port: 8, kind: 6, at: 7n });
});

test('structs nest', (t) => {
  const outer = layout('outer', { flags: u64, key: struct(key) }, { size: 24 });
  const value = { flags: 1n, key: { client: Uint8Array.of(1, 2, 3, 4), port: 1, kind: 2, at: 3n } };
  const memory = outer.encode(value);
  t.like(outer.read(memory).key, { port: 1, kind: 2, at: 3n });
  t.deepEqual(key.read(memory.subarray(8)).client, value.key.client);
});

test('a field that is not aligned, a wrong size and a ragged end are refused', (t) => {
  const code = 'HEADGATE_LAYOUT_INVALID';
  t.throws(() => layout('x', { a: u8, b: u32 }, { size: 5 }), { code, message: /b \(u32\) lies at 1/ });
  t.throws(() => layout('x', { a: u32 }, { size: 8 }), { code, message: /is 4 bytes long, not 8/ });
  t.throws(() => layout('x', { a: u32, b: u8 }, { size: 5 }), { code, message: /pad the end/ });
});

test('a value that does not fit its field is refused', (t) => {
  const code = 'HEADGATE_LAYOUT_VALUE';
  const one = layout('one', { a: u16 }, { size: 2 });
  for (const a of [-1, 65_536, 1.5, Number.NaN]) t.throws(() => one.encode({ a }), { code });
  const big = layout('big', { a: u64, b: i64 }, { size: 16 });
  t.throws(() => big.encode({ a: -1n, b: 0n }), { code });
  t.throws(() => big.encode({ a: 0n, b: 2n ** 63n }), { code });
  const raw = layout('raw', { a: bytes(4), b: array(u8, 2) }, { size: 6 });
  t.throws(() => raw.encode({ a: new Uint8Array(3), b: [1, 2] }), { code });
  t.throws(() => raw.encode({ a: new Uint8Array(4), b: [1] }), { code });
});
