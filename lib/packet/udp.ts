import { udpLayout } from './layouts.ts';
import { malformed, truncated, type Malformed } from './malformed.ts';

export interface Udp {
  readonly kind: 'udp';
  readonly offset: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Header and payload. */
  readonly length: number;
  /** 0: not computed (IPv4 only). */
  readonly checksum: number;
  readonly payloadOffset: number;
  readonly payloadEnd: number;
}

/**
 * Reads a UDP header. `partial`: only the beginning of the datagram is there (first fragment, ICMP quote).
 */
export function parseUdp(
  bytes: Uint8Array,
  offset = 0,
  end = bytes.length,
  partial = false,
): Udp | Malformed {
  const short = truncated('udp', offset, end, udpLayout.size);
  if (short !== undefined) return short;
  const header = udpLayout.read(bytes, offset);
  const lengthAt = offset + udpLayout.offsetOf('length');
  if (header.length < udpLayout.size) return malformed('udp', lengthAt, `the length is ${header.length}`);
  if (header.length > end - offset && !partial) {
    return malformed('udp', lengthAt, `the length is ${header.length}, but ${end - offset} bytes are there`);
  }
  return {
    kind: 'udp',
    offset,
    ...header,
    payloadOffset: offset + udpLayout.size,
    payloadEnd: Math.min(end, offset + header.length),
  };
}
