import { parseArp, type Arp } from './arp.ts';
import { parseEthernet, type Ethernet } from './ethernet.ts';
import { parseIcmp, type Icmp } from './icmp.ts';
import { parseIpv4, type Ipv4 } from './ipv4.ts';
import { parseIpv6, type Ipv6 } from './ipv6.ts';
import { EtherType, IpProtocol } from './layouts.ts';
import { isMalformed, malformed, truncated, type Malformed } from './malformed.ts';
import { parseTcp, type Tcp } from './tcp.ts';
import { parseUdp, type Udp } from './udp.ts';

export type Transport = Tcp | Udp | Icmp;

/** The ports of TCP or UDP; there as soon as four bytes of the transport header are. */
export interface Ports {
  readonly source: number;
  readonly destination: number;
}

/** An IP packet as far as it could be read: what comes after the first malformed header is missing. */
export interface IpPacket {
  readonly ip?: Ipv4 | Ipv6;
  readonly ports?: Ports;
  readonly transport?: Transport;
  /** The packet inside a tunnel. */
  readonly inner?: IpPacket;
  readonly malformed?: Malformed;
}

/** An Ethernet frame as far as it could be read. */
export interface Frame extends IpPacket {
  readonly ethernet?: Ethernet;
  readonly arp?: Arp;
}

/** Packets within packets that are looked into. */
const MAX_DEPTH = 4;

/** Reads a frame. Never throws, whatever the bytes are. Byte fields are views of `bytes`, not copies. */
export function parseFrame(bytes: Uint8Array): Frame {
  const ethernet = parseEthernet(bytes);
  if (isMalformed(ethernet)) return { malformed: ethernet };
  switch (ethernet.etherType) {
    case EtherType.Arp: {
      const arp = parseArp(bytes, ethernet.payloadOffset);
      return isMalformed(arp) ? { ethernet, malformed: arp } : { ethernet, arp };
    }
    case EtherType.Ipv4:
      return { ethernet, ...readIp(bytes, ethernet.payloadOffset, bytes.length, { version: 4 }) };
    case EtherType.Ipv6:
      return { ethernet, ...readIp(bytes, ethernet.payloadOffset, bytes.length, { version: 6 }) };
    default:
      return { ethernet };
  }
}

/** Reads an IP packet of either version. Never throws. */
export function parseIp(bytes: Uint8Array, offset = 0, end = bytes.length): IpPacket {
  return readIp(bytes, offset, end, {});
}

interface Situation {
  /** What the header before says it is; else the first four bits decide. */
  readonly version?: 4 | 6;
  /** In an ICMP error: the end may be missing. */
  readonly quoted?: boolean;
  readonly depth?: number;
}

function readIp(bytes: Uint8Array, offset: number, end: number, situation: Situation): IpPacket {
  const { quoted = false, depth = 0 } = situation;
  const short = truncated('ip', offset, end, 1);
  const version = situation.version ?? (bytes[offset] ?? 0) >> 4;
  if (situation.version === undefined && short !== undefined) return { malformed: short };
  if (version !== 4 && version !== 6)
    return { malformed: malformed('ip', offset, `the version is ${version}`) };
  const ip = version === 4 ? parseIpv4(bytes, offset, end, quoted) : parseIpv6(bytes, offset, end, quoted);
  if (isMalformed(ip)) return { malformed: ip };
  // Behind the first fragment there is no header to read.
  if (ip.fragmentOffset > 0) return { ip };
  return { ip, ...readPayload(bytes, ip, quoted, depth) };
}

function readPayload(bytes: Uint8Array, ip: Ipv4 | Ipv6, quoted: boolean, depth: number): IpPacket {
  const { payloadOffset: start, payloadEnd: end } = ip;
  const partial = quoted || ip.moreFragments;
  switch (ip.protocol) {
    case IpProtocol.Tcp:
      return readPorted(bytes, start, end, quoted, parseTcp(bytes, start, end));
    case IpProtocol.Udp:
      return readPorted(bytes, start, end, quoted, parseUdp(bytes, start, end, partial));
    case IpProtocol.Icmp:
    case IpProtocol.Icmpv6: {
      const kind = ip.protocol === IpProtocol.Icmp ? 'icmp' : 'icmpv6';
      // ICMP of the other family is somebody's payload, not an ICMP message.
      if ((kind === 'icmp') !== (ip.kind === 'ipv4')) return {};
      const quote = (at: number, until: number): IpPacket | undefined =>
        depth < MAX_DEPTH ? readIp(bytes, at, until, { quoted: true, depth: depth + 1 }) : undefined;
      const icmp = parseIcmp(kind, bytes, start, end, quote);
      return isMalformed(icmp) ? { malformed: icmp } : { transport: icmp };
    }
    case IpProtocol.Ipv4:
    case IpProtocol.Ipv6: {
      if (depth >= MAX_DEPTH || ip.moreFragments) return {};
      const version = ip.protocol === IpProtocol.Ipv4 ? 4 : 6;
      const inner = readIp(bytes, start, end, { version, quoted, depth: depth + 1 });
      return inner.malformed === undefined ? { inner } : { inner, malformed: inner.malformed };
    }
    default:
      return {};
  }
}

function readPorted(
  bytes: Uint8Array,
  start: number,
  end: number,
  quoted: boolean,
  transport: Tcp | Udp | Malformed,
): IpPacket {
  if (!isMalformed(transport)) {
    return { ports: { source: transport.sourcePort, destination: transport.destinationPort }, transport };
  }
  if (end - start < 4) return { malformed: transport };
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, 4);
  const ports = { source: view.getUint16(0), destination: view.getUint16(2) };
  // A quote that ends within the transport header is as it should be (RFC 792: eight bytes).
  return quoted && transport.reason.startsWith('truncated') ? { ports } : { ports, malformed: transport };
}
