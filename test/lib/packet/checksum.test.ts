import test from 'ava';
import fc from 'fast-check';
import {
  buildPacket,
  checksum,
  fold,
  ipBytes,
  parseIp,
  pseudoHeaderSum,
  sumWords,
  transportChecksum,
  updateChecksum,
} from '../../../lib/packet/index.ts';
import { ipPacket } from './arbitraries.ts';

/** RFC 1071 the slow way: the sum modulo 65,535, where only a sum of zero words is 0. */
function naiveChecksum(bytes: Uint8Array): number {
  const padded = bytes.length % 2 === 0 ? bytes : Uint8Array.of(...bytes, 0);
  let sum = 0n;
  for (let at = 0; at < padded.length; at += 2)
    sum += BigInt(padded[at] ?? 0) * 256n + BigInt(padded[at + 1] ?? 0);
  const folded = sum === 0n ? 0n : ((sum - 1n) % 0xffffn) + 1n;
  return Number(0xffffn - folded);
}

test('the checksum of the example in RFC 1071 is right', (t) => {
  const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  t.is(fold(sumWords(bytes)), 0xddf2);
  t.is(checksum(bytes), 0x220d);
});

test('the checksum equals the slow definition for any bytes', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      t.is(checksum(bytes), naiveChecksum(bytes));
    }),
  );
});

test('a changed part gives the same checksum by RFC 1624 as anew', (t) => {
  const words = fc
    .uint8Array({ minLength: 4, maxLength: 64 })
    .map((bytes) => bytes.subarray(0, bytes.length & ~1));
  fc.assert(
    fc.property(words, fc.nat(), fc.uint8Array({ minLength: 2, maxLength: 4 }), (bytes, place, change) => {
      const after = bytes.slice();
      const at = (place % (bytes.length / 2)) * 2;
      const length = Math.min(change.length & ~1, bytes.length - at);
      after.set(change.subarray(0, length), at);
      // All zeros has two checksums; no header is all zeros.
      fc.pre(after.some((byte) => byte !== 0));
      const updated = updateChecksum(
        checksum(bytes),
        bytes.subarray(at, at + length),
        after.subarray(at, at + length),
      );
      t.is(updated, checksum(after));
    }),
  );
});

test('the example of RFC 1624, section 4, which its predecessor got wrong, gives 0', (t) => {
  t.is(updateChecksum(0xdd2f, Uint8Array.of(0x55, 0x55), Uint8Array.of(0x32, 0x85)), 0x0000);
});

test('the pseudo header counts addresses, protocol and a length above 16 bits', (t) => {
  const v4 = { source: ipBytes('1.2.3.4'), destination: ipBytes('5.6.7.8') };
  t.is(pseudoHeaderSum(v4, 6, 20), 0x0102 + 0x0304 + 0x0506 + 0x0708 + 6 + 20);
  const v6 = { source: ipBytes('1::2'), destination: ipBytes('3::4') };
  t.is(pseudoHeaderSum(v6, 58, 0x1_0002), 1 + 2 + 3 + 4 + 58 + 1 + 2);
});

test('every built packet carries right checksums', (t) => {
  fc.assert(
    fc.property(ipPacket, (fields) => {
      const bytes = buildPacket(fields);
      const { ip, transport } = parseIp(bytes);
      if (ip === undefined || transport === undefined) return t.fail();
      if (ip.kind === 'ipv4') t.is(checksum(bytes, 0, ip.payloadOffset), 0);
      const sum =
        transport.kind === 'icmp'
          ? checksum(bytes, transport.offset)
          : transportChecksum(ip, ip.protocol, bytes, transport.offset);
      return t.is(sum, 0);
    }),
  );
});
