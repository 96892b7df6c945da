/** What network cards do to TCP packets, for senders that have none to help: finish checksums and cut super-packets. */
import { checksum, fold, pseudoHeaderSum, transportChecksum } from './checksum.ts';
import { IpProtocol, ipv4Layout, ipv6Layout, TcpFlag, tcpLayout } from './layouts.ts';

/** Where things lie in an IP packet that is TCP, whole and without IPv6 extension headers. */
export interface TcpPacket {
  readonly family: 4 | 6;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** Of the TCP header. */
  readonly at: number;
  readonly payloadAt: number;
  /** Of the packet; what `bytes` hold behind it is not part of it. */
  readonly end: number;
}

/** Finds its way in a packet; undefined when it is something else, a fragment, or its lengths do not fit. Never throws. */
export function locateTcp(bytes: Uint8Array): TcpPacket | undefined {
  const version = (bytes[0] ?? 0) >> 4;
  if (version !== 4 && version !== 6) return undefined;
  if (bytes.length < (version === 4 ? ipv4Layout.size : ipv6Layout.size)) return undefined;
  const found = version === 4 ? inIpv4(bytes) : inIpv6(bytes);
  if (found === undefined || found.end > bytes.length || found.at + tcpLayout.size > found.end)
    return undefined;
  const payloadAt = found.at + (tcpLayout.get(bytes, 'lengthAndReserved', found.at) >> 4) * 4;
  if (payloadAt < found.at + tcpLayout.size || payloadAt > found.end) return undefined;
  return { ...found, payloadAt };
}

function inIpv4(bytes: Uint8Array): Omit<TcpPacket, 'payloadAt'> | undefined {
  const ip = ipv4Layout.read(bytes);
  const at = (ip.versionAndLength & 0xf) * 4;
  if (at < ipv4Layout.size || ip.protocol !== IpProtocol.Tcp || (ip.flagsAndFragment & 0x3fff) !== 0)
    return undefined;
  return { family: 4, source: ip.source, destination: ip.destination, at, end: ip.totalLength };
}

function inIpv6(bytes: Uint8Array): Omit<TcpPacket, 'payloadAt'> | undefined {
  const ip = ipv6Layout.read(bytes);
  if (ip.nextHeader !== IpProtocol.Tcp) return undefined;
  const { source, destination } = ip;
  return { family: 6, source, destination, at: ipv6Layout.size, end: ipv6Layout.size + ip.payloadLength };
}

/**
 * What a packet's TCP checksum is worth: `unfinished` is the folded pseudo header alone, as packets have it that were made
 * or merged on this machine and never saw a wire.
 */
export function judgeTcpChecksum(bytes: Uint8Array, packet: TcpPacket): 'right' | 'unfinished' | 'wrong' {
  const { at, end } = packet;
  if (transportChecksum(packet, IpProtocol.Tcp, bytes, at, end) === 0) return 'right';
  const pseudo = fold(pseudoHeaderSum(packet, IpProtocol.Tcp, end - at));
  return tcpLayout.get(bytes, 'checksum', at) === pseudo ? 'unfinished' : 'wrong';
}

/**
 * Packets that carry the same stream, each with at most `payloadBytes` of it and with full checksums; copies, also when
 * there is only one. SYN stays with the first, FIN, RST and PSH with the last, CWR with the first (RFC 3168 6.1.2), the urgent
 * pointer where it points to; IPv4 ids count up. Throws RangeError when `payloadBytes` is not at least 1.
 */
export function segmentTcp(bytes: Uint8Array, packet: TcpPacket, payloadBytes: number): Uint8Array[] {
  if (!(payloadBytes >= 1)) throw new RangeError(`segments of ${payloadBytes} bytes are too small`);
  const { family, at, payloadAt, end } = packet;
  const tcp = tcpLayout.read(bytes, at);
  const total = end - payloadAt;
  const segments: Uint8Array[] = [];
  for (let from = 0; from === 0 || from < total; from += payloadBytes) {
    const to = Math.min(total, from + payloadBytes);
    const segment = new Uint8Array(payloadAt + to - from);
    segment.set(bytes.subarray(0, payloadAt));
    segment.set(bytes.subarray(payloadAt + from, payloadAt + to), payloadAt);
    const first = from === 0;
    const last = to === total;
    // A SYN counts as one byte before the payload.
    const ahead = first ? 0 : from + ((tcp.flags & TcpFlag.Syn) === 0 ? 0 : 1);
    const urgent = (tcp.flags & TcpFlag.Urg) !== 0 && tcp.urgent >= ahead;
    let flags = tcp.flags;
    if (!first) flags &= ~(TcpFlag.Syn | TcpFlag.Cwr);
    if (!last) flags &= ~(TcpFlag.Fin | TcpFlag.Rst | TcpFlag.Psh);
    if (!urgent) flags &= ~TcpFlag.Urg;
    tcpLayout.write(
      segment,
      { sequence: (tcp.sequence + ahead) >>> 0, flags, urgent: urgent ? tcp.urgent - ahead : 0 },
      at,
    );
    if (family === 4) {
      const id = (ipv4Layout.get(bytes, 'id') + segments.length) & 0xffff;
      ipv4Layout.write(segment, { totalLength: segment.length, id });
    } else {
      ipv6Layout.set(segment, 'payloadLength', segment.length - ipv6Layout.size);
    }
    finishChecksums(segment, packet);
    segments.push(segment);
  }
  return segments;
}

/** Writes the checksums of a whole packet, whose addresses are where `packet` says but may be others by now. */
function finishChecksums(bytes: Uint8Array, { family, at }: TcpPacket): void {
  if (family === 4) {
    ipv4Layout.set(bytes, 'checksum', 0);
    ipv4Layout.set(bytes, 'checksum', checksum(bytes, 0, at));
  }
  const addresses = family === 4 ? ipv4Layout.read(bytes) : ipv6Layout.read(bytes);
  tcpLayout.set(bytes, 'checksum', 0, at);
  tcpLayout.set(bytes, 'checksum', transportChecksum(addresses, IpProtocol.Tcp, bytes, at), at);
}
