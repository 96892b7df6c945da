/** The Castagnoli polynomial, bits reversed (RFC 4960 appendix B). */
const polynomial = 0x82f6_3b78;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? polynomial : 0);
  return remainder;
});

/** CRC32C of `bytes`, reading the four bytes at `zeroAt` as zero. An unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, zeroAt = Infinity): number {
  let crc = 0xffff_ffff;
  for (let at = 0; at < bytes.length; at++) {
    const byte = at >= zeroAt && at < zeroAt + 4 ? 0 : bytes[at]!;
    crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff]!;
  }
  return ~crc >>> 0;
}
