import test from 'ava';
import fc from 'fast-check';
import { hashHex, hashModulo, sipHash, sipHash13, sipHash24, sipKey } from '../../../lib/maglev/index.ts';
import { vectors } from './vectors.ts';

const countingKey = sipKey(Uint8Array.from({ length: 16 }, (_, index) => index));
const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index);

function hash(data: Uint8Array, key = countingKey, rounds = sipHash13): string {
  const out = { high: 0, low: 0 };
  sipHash(key, data, data.length, out, rounds);
  return hashHex(out);
}

/** The definition with 64-bit integers, slow and plain. */
function naive(keyBytes: Uint8Array, data: Uint8Array, compression: number, finalization: number): string {
  const mask = 0xffff_ffff_ffff_ffffn;
  const rotate = (word: bigint, by: bigint): bigint => ((word << by) | (word >> (64n - by))) & mask;
  const key = Buffer.from(keyBytes);
  const [k0, k1] = [key.readBigUInt64LE(0), key.readBigUInt64LE(8)];
  const v = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ] as [bigint, bigint, bigint, bigint];
  const round = (): void => {
    v[0] = (v[0] + v[1]) & mask;
    v[1] = rotate(v[1], 13n) ^ v[0];
    v[0] = rotate(v[0], 32n);
    v[2] = (v[2] + v[3]) & mask;
    v[3] = rotate(v[3], 16n) ^ v[2];
    v[0] = (v[0] + v[3]) & mask;
    v[3] = rotate(v[3], 21n) ^ v[0];
    v[2] = (v[2] + v[1]) & mask;
    v[1] = rotate(v[1], 17n) ^ v[2];
    v[2] = rotate(v[2], 32n);
  };
  const padded = Buffer.alloc(Math.floor(data.length / 8) * 8 + 8);
  padded.set(data);
  padded[padded.length - 1] = data.length & 0xff;
  for (let at = 0; at < padded.length; at += 8) {
    const word = padded.readBigUInt64LE(at);
    v[3] ^= word;
    for (let turn = 0; turn < compression; turn++) round();
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  for (let turn = 0; turn < finalization; turn++) round();
  return (v[0] ^ v[1] ^ v[2] ^ v[3]).toString(16).padStart(16, '0');
}

test('SipHash-2-4 gives the vectors of the paper and its reference code', (t) => {
  t.is(hash(counting(0), countingKey, sipHash24), '726fdb47dd0e0e31');
  t.is(hash(counting(1), countingKey, sipHash24), '74f839c593dc67fd');
  t.is(hash(counting(8), countingKey, sipHash24), '93f5f5799a932462');
  t.is(hash(counting(15), countingKey, sipHash24), 'a129ca6149be45e5');
});

test('SipHash-1-3 gives the vectors computed with OpenSSL', (t) => {
  for (const { length, hash: expected } of vectors.siphash13)
    t.is(hash(counting(length)), expected, `${length}`);
});

test('SipHash-1-3 with a key of zeros hashes as Python does with PYTHONHASHSEED=0', (t) => {
  const zeros = sipKey(new Uint8Array(16));
  t.is(hash(Buffer.from('siphash'), zeros), '8264ceeccb16bcbe');
  t.is(hash(Buffer.from('headgate'), zeros), 'de36473c872b72ad');
});

test('any key and message hash as the definition with 64-bit integers says', (t) => {
  const bytes = (least: number, most: number): fc.Arbitrary<Uint8Array> =>
    fc.uint8Array({ minLength: least, maxLength: most });
  fc.assert(
    fc.property(bytes(16, 16), bytes(0, 80), (key, data) => {
      const own = [hash(data, sipKey(key)), hash(data, sipKey(key), sipHash24)];
      t.deepEqual(own, [naive(key, data, 1, 3), naive(key, data, 2, 4)]);
    }),
  );
});

test('bytes past the length are not hashed', (t) => {
  const out = { high: 0, low: 0 };
  sipHash(countingKey, counting(64), 11, out);
  t.is(hashHex(out), hash(counting(11)));
});

test('a key of another length is refused', (t) => {
  t.throws(() => sipKey(new Uint8Array(15)), { instanceOf: RangeError, message: /16 bytes, got 15/ });
});

test('the remainder of a 64-bit hash is exact up to a divisor of 2^20', (t) => {
  const word = fc.integer({ min: 0, max: 0xffff_ffff });
  fc.assert(
    fc.property(word, word, fc.integer({ min: 1, max: 1 << 20 }), (high, low, divisor) => {
      const exact = ((BigInt(high) << 32n) | BigInt(low)) % BigInt(divisor);
      t.is(hashModulo({ high, low }, divisor), Number(exact));
    }),
  );
});
