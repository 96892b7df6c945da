import { icmpLayout, IcmpType, Icmpv6Type } from './layouts.ts';
import { truncated, type Malformed } from './malformed.ts';
import type { IpPacket } from './parse.ts';

/** ICMP or ICMPv6. */
export interface Icmp {
  readonly kind: 'icmp' | 'icmpv6';
  readonly offset: number;
  readonly type: number;
  readonly code: number;
  readonly checksum: number;
  /** Identifier and sequence of an echo. */
  readonly echo?: { readonly identifier: number; readonly sequence: number };
  /** Of "fragmentation needed" and "packet too big". */
  readonly mtu?: number;
  /** The packet an error is about, as far as it is quoted. */
  readonly quoted?: IpPacket;
  readonly payloadOffset: number;
  readonly payloadEnd: number;
}

const ERRORS: ReadonlySet<number> = new Set([
  IcmpType.Unreachable,
  IcmpType.SourceQuench,
  IcmpType.Redirect,
  IcmpType.TimeExceeded,
  IcmpType.ParameterProblem,
]);

/** "Fragmentation needed and don't fragment set" (RFC 1191). */
const CODE_FRAGMENTATION_NEEDED = 4;

/** Whether a message is an error that quotes a packet. */
export function isIcmpError(kind: 'icmp' | 'icmpv6', type: number): boolean {
  // RFC 4443 2.1: in ICMPv6 the errors are the types below 128.
  return kind === 'icmp' ? ERRORS.has(type) : type < 128;
}

/** Reads the header; `quote` parses the packet that an error quotes. */
export function parseIcmp(
  kind: 'icmp' | 'icmpv6',
  bytes: Uint8Array,
  offset: number,
  end: number,
  quote: (offset: number, end: number) => IpPacket | undefined,
): Icmp | Malformed {
  const short = truncated(kind, offset, end, icmpLayout.size);
  if (short !== undefined) return short;
  const { type, code, checksum, first, second } = icmpLayout.read(bytes, offset);
  const payloadOffset = offset + icmpLayout.size;
  const quoted = isIcmpError(kind, type) ? quote(payloadOffset, end) : undefined;
  const isEcho =
    kind === 'icmp'
      ? type === IcmpType.Echo || type === IcmpType.EchoReply
      : type === Icmpv6Type.Echo || type === Icmpv6Type.EchoReply;
  return {
    kind,
    offset,
    type,
    code,
    checksum,
    ...(isEcho ? { echo: { identifier: first, sequence: second } } : {}),
    ...mtuOf(kind, type, code, first, second),
    ...(quoted === undefined ? {} : { quoted }),
    payloadOffset,
    payloadEnd: end,
  };
}

function mtuOf(
  kind: 'icmp' | 'icmpv6',
  type: number,
  code: number,
  first: number,
  second: number,
): { readonly mtu?: number } {
  if (kind === 'icmpv6') return type === Icmpv6Type.PacketTooBig ? { mtu: first * 0x1_0000 + second } : {};
  return type === IcmpType.Unreachable && code === CODE_FRAGMENTATION_NEEDED ? { mtu: second } : {};
}
