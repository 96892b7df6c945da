/** The addresses of a packet, 4 or 16 bytes each. */
export interface IpAddresses {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

/** Folds a sum of 16-bit words to 16 bits, carries added at the low end. */
export function fold(sum: number): number {
  let folded = sum;
  // Division, not a shift: sums may be longer than 32 bits.
  while (folded > 0xffff) folded = (folded % 0x1_0000) + Math.floor(folded / 0x1_0000);
  return folded;
}

/**
 * Adds the 16-bit big-endian words of `bytes` from `start` to `end` to `initial`; an odd last byte counts as
 * a high one.
 */
export function sumWords(bytes: Uint8Array, start = 0, end = bytes.length, initial = 0): number {
  let sum = initial;
  for (let at = start; at + 1 < end; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  if ((end - start) % 2 === 1) sum += (bytes[end - 1] ?? 0) << 8;
  return sum;
}

/** The Internet checksum (RFC 1071). Over bytes that hold a right checksum it is 0. */
export function checksum(bytes: Uint8Array, start = 0, end = bytes.length, initial = 0): number {
  return ~fold(sumWords(bytes, start, end, initial)) & 0xffff;
}

/**
 * The sum of the pseudo header that TCP, UDP and ICMPv6 add (RFC 9293 3.1, RFC 8200 8.1); `length` is the
 * bytes of transport header and payload.
 */
export function pseudoHeaderSum(addresses: IpAddresses, protocol: number, length: number): number {
  const sum = sumWords(addresses.source) + sumWords(addresses.destination);
  return sum + protocol + (length >>> 16) + (length & 0xffff);
}

/**
 * The checksum with pseudo header of the bytes from `start` to `end`, the checksum field counted as it is
 * there.
 */
export function transportChecksum(
  addresses: IpAddresses,
  protocol: number,
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): number {
  return checksum(bytes, start, end, pseudoHeaderSum(addresses, protocol, end - start));
}

/**
 * The checksum after bytes it covers have changed (RFC 1624, equation 3). `before` and `after` are the
 * changed bytes, as many of each, beginning at an even offset; an odd count is padded with a zero.
 */
export function updateChecksum(old: number, before: Uint8Array, after: Uint8Array): number {
  let sum = ~old & 0xffff;
  for (let at = 0; at < before.length; at += 2) {
    sum += ~(((before[at] ?? 0) << 8) | (before[at + 1] ?? 0)) & 0xffff;
    sum += ((after[at] ?? 0) << 8) | (after[at + 1] ?? 0);
  }
  return ~fold(sum) & 0xffff;
}
