import { buildIp } from './build-ip.ts';
import type { IpLike } from './addresses.ts';
import { IpProtocol } from './layouts.ts';
import { malformed, type Malformed } from './malformed.ts';
import { parseIp } from './parse.ts';

/** The outer header of a tunnel. */
export interface OuterFields {
  readonly source: IpLike;
  readonly destination: IpLike;
  /** TTL or hop limit; default 64. */
  readonly ttl?: number;
  /** TOS or traffic class; default 0. */
  readonly tos?: number;
  /** IPv4 only. */
  readonly id?: number;
  /** IPv4 only. */
  readonly dontFragment?: boolean;
}

/**
 * Wraps an IP packet into another one (RFC 2003, 2473, 4213): IPv4 or IPv6 in IPv4 or IPv6, no options.
 * Throws RangeError when `inner` does not begin like an IP packet.
 */
export function encapsulate(inner: Uint8Array, outer: OuterFields): Uint8Array {
  const version = (inner[0] ?? 0) >> 4;
  if (version !== 4 && version !== 6) throw new RangeError(`cannot wrap a packet of IP version ${version}`);
  const { source, destination, ttl = 64, tos = 0, id = 0, dontFragment = false } = outer;
  const protocol = version === 4 ? IpProtocol.Ipv4 : IpProtocol.Ipv6;
  return buildIp(
    { source, destination, protocol, ttl, hopLimit: ttl, tos, trafficClass: tos, id, dontFragment },
    inner,
  );
}

/** The packet inside of a tunnel packet, as a view; or what keeps it from being unwrapped. Never throws. */
export function decapsulate(
  packet: Uint8Array,
): { readonly kind: 'inner'; readonly packet: Uint8Array } | Malformed {
  const { ip, inner, malformed: fault } = parseIp(packet);
  if (ip === undefined) return fault ?? malformed('ip', 0, 'not an IP packet');
  if (ip.moreFragments || ip.fragmentOffset > 0)
    return malformed(ip.kind, ip.offset, 'a fragment of a tunnel packet');
  if (inner === undefined)
    return malformed(ip.kind, ip.offset, `not a tunnel: the protocol is ${ip.protocol}`);
  if (inner.ip === undefined) return fault ?? malformed('ip', ip.payloadOffset, 'not an IP packet');
  return { kind: 'inner', packet: packet.subarray(ip.payloadOffset, inner.ip.payloadEnd) };
}
