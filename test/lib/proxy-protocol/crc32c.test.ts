import test from 'ava';
import { crc32c } from '../../../lib/proxy-protocol/crc32c.ts';

/** RFC 3720 appendix B.4, and the check value of the catalogue of CRCs. */
const vectors: readonly [string, Buffer, number][] = [
  ['32 bytes of zeroes', Buffer.alloc(32), 0x8a91_36aa],
  ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8_ab43],
  ['32 ascending bytes', Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd_794e],
  ['the digits 1 to 9', Buffer.from('123456789'), 0xe306_9283],
];
for (const [what, bytes, expected] of vectors) {
  test(`CRC32C of ${what}`, (t) => t.is(crc32c(bytes), expected));
}

test('four bytes can be read as zero', (t) => {
  t.is(crc32c(Buffer.concat([Buffer.alloc(8), Buffer.from('abcd'), Buffer.alloc(20)]), 8), 0x8a91_36aa);
});
