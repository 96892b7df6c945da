import { ipv4Layout } from './layouts.ts';
import { malformed, truncated, type Malformed } from './malformed.ts';

export interface Ipv4 {
  readonly kind: 'ipv4';
  readonly offset: number;
  /** DSCP and ECN. */
  readonly tos: number;
  readonly totalLength: number;
  readonly id: number;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  /** In bytes. */
  readonly fragmentOffset: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly checksum: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** 0 to 40 bytes. */
  readonly options: Uint8Array;
  readonly payloadOffset: number;
  /** Behind the last byte of the payload; bytes after it are padding of the link. */
  readonly payloadEnd: number;
}

/**
 * Reads an IPv4 header. `quoted`: it stands in an ICMP error, where only the beginning of a packet is, so the
 * total length may reach beyond the end. The header's checksum is not looked at.
 */
export function parseIpv4(
  bytes: Uint8Array,
  offset = 0,
  end = bytes.length,
  quoted = false,
): Ipv4 | Malformed {
  const short = truncated('ipv4', offset, end, ipv4Layout.size);
  if (short !== undefined) return short;
  const { versionAndLength, flagsAndFragment, ...header } = ipv4Layout.read(bytes, offset);
  const version = versionAndLength >> 4;
  if (version !== 4) return malformed('ipv4', offset, `the version is ${version}`);
  const headerBytes = (versionAndLength & 0x0f) * 4;
  if (headerBytes < ipv4Layout.size) return malformed('ipv4', offset, `the header length is ${headerBytes}`);
  const shortOptions = truncated('ipv4', offset, end, headerBytes);
  if (shortOptions !== undefined) return shortOptions;
  const lengthAt = offset + ipv4Layout.offsetOf('totalLength');
  if (header.totalLength < headerBytes) {
    return malformed(
      'ipv4',
      lengthAt,
      `the total length ${header.totalLength} is less than the header's ${headerBytes}`,
    );
  }
  if (header.totalLength > end - offset && !quoted) {
    return malformed(
      'ipv4',
      lengthAt,
      `the total length is ${header.totalLength}, but ${end - offset} bytes are there`,
    );
  }
  return {
    kind: 'ipv4',
    offset,
    ...header,
    dontFragment: (flagsAndFragment & 0x4000) !== 0,
    moreFragments: (flagsAndFragment & 0x2000) !== 0,
    fragmentOffset: (flagsAndFragment & 0x1fff) * 8,
    options: bytes.subarray(offset + ipv4Layout.size, offset + headerBytes),
    payloadOffset: offset + headerBytes,
    payloadEnd: Math.min(end, offset + header.totalLength),
  };
}
