import { IpProtocol, ipv6FragmentLayout, ipv6Layout } from './layouts.ts';
import { isMalformed, malformed, truncated, type Malformed } from './malformed.ts';

export interface Ipv6Extension {
  readonly type: number;
  readonly offset: number;
  /** Its length. */
  readonly bytes: number;
}

export interface Ipv6 {
  readonly kind: 'ipv6';
  readonly offset: number;
  readonly trafficClass: number;
  readonly flowLabel: number;
  readonly payloadLength: number;
  /** Type of what follows the fixed header, extension or not. */
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly extensions: readonly Ipv6Extension[];
  /** Type of what follows the extensions. */
  readonly protocol: number;
  readonly moreFragments: boolean;
  /** In bytes; 0 without a fragment header. */
  readonly fragmentOffset: number;
  /** Identification of the fragment header; 0 without one. */
  readonly id: number;
  /** Behind the extensions. */
  readonly payloadOffset: number;
  /** Behind the last byte of the payload; bytes after it are padding of the link. */
  readonly payloadEnd: number;
}

interface Chain {
  readonly kind: 'chain';
  readonly extensions: readonly Ipv6Extension[];
  readonly protocol: number;
  readonly moreFragments: boolean;
  readonly fragmentOffset: number;
  readonly id: number;
  readonly payloadOffset: number;
}

/**
 * Reads an IPv6 header and its extension headers (RFC 8200 4). `quoted`: it stands in an ICMP error, so the
 * payload may be cut off. Behind a fragment header that is not the first, nothing is taken for an extension.
 */
export function parseIpv6(
  bytes: Uint8Array,
  offset = 0,
  end = bytes.length,
  quoted = false,
): Ipv6 | Malformed {
  const short = truncated('ipv6', offset, end, ipv6Layout.size);
  if (short !== undefined) return short;
  const { versionClassLabel, ...header } = ipv6Layout.read(bytes, offset);
  const version = versionClassLabel >>> 28;
  if (version !== 6) return malformed('ipv6', offset, `the version is ${version}`);
  const have = end - offset - ipv6Layout.size;
  if (header.payloadLength > have && !quoted) {
    const at = offset + ipv6Layout.offsetOf('payloadLength');
    return malformed(
      'ipv6',
      at,
      `the payload length is ${header.payloadLength}, but ${have} bytes are there`,
    );
  }
  const payloadEnd = Math.min(end, offset + ipv6Layout.size + header.payloadLength);
  const chain = walkExtensions(bytes, offset + ipv6Layout.size, payloadEnd, header.nextHeader);
  if (isMalformed(chain)) return chain;
  return {
    ...chain,
    kind: 'ipv6',
    offset,
    ...header,
    trafficClass: (versionClassLabel >>> 20) & 0xff,
    flowLabel: versionClassLabel & 0xf_ffff,
    payloadEnd,
  };
}

/** Bytes of an extension header whose length field is `units`, or undefined when `type` is none. */
function extensionBytes(type: number, units: number): number | undefined {
  switch (type) {
    case IpProtocol.HopByHop:
    case IpProtocol.Routing:
    case IpProtocol.DestinationOptions:
    case IpProtocol.Mobility:
      return (units + 1) * 8;
    case IpProtocol.Fragment:
      return ipv6FragmentLayout.size;
    case IpProtocol.Authentication:
      // RFC 4302 2.2 counts in 4 bytes, minus 2.
      return (units + 2) * 4;
    default:
      return undefined;
  }
}

function walkExtensions(bytes: Uint8Array, start: number, end: number, first: number): Chain | Malformed {
  const extensions: Ipv6Extension[] = [];
  let fragment = { moreFragments: false, fragmentOffset: 0, id: 0 };
  let protocol = first;
  let at = start;
  // Each step is at least 8 bytes long, so the packet's end bounds the walk.
  while (fragment.fragmentOffset === 0 && extensionBytes(protocol, 0) !== undefined) {
    const short = truncated('ipv6 extension', at, end, 8);
    if (short !== undefined) return short;
    const length = extensionBytes(protocol, bytes[at + 1] ?? 0) ?? 8;
    const cut = truncated('ipv6 extension', at, end, length);
    if (cut !== undefined) return cut;
    if (protocol === IpProtocol.Fragment) {
      const { offsetAndFlags, id } = ipv6FragmentLayout.read(bytes, at);
      fragment = { moreFragments: (offsetAndFlags & 1) !== 0, fragmentOffset: offsetAndFlags & 0xfff8, id };
    }
    extensions.push({ type: protocol, offset: at, bytes: length });
    protocol = bytes[at] ?? IpProtocol.NoNext;
    at += length;
  }
  return { kind: 'chain', extensions, protocol, ...fragment, payloadOffset: at };
}
