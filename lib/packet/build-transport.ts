import { checksum, fold, pseudoHeaderSum, transportChecksum, type IpAddresses } from './checksum.ts';
import { icmpLayout, IpProtocol, tcpLayout, TcpOptionKind, udpLayout } from './layouts.ts';
import type { TcpOption } from './tcp.ts';

/**
 * `full`: right and complete (default). `partial`: the folded sum of the pseudo header only, as packets carry
 * it whose checksum the network card is to finish. A number: that.
 */
export type ChecksumChoice = 'full' | 'partial' | number;

/** What is left out is 0 unless said otherwise. */
export interface TcpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence?: number;
  readonly acknowledgment?: number;
  /** TcpFlag bits. */
  readonly flags?: number;
  readonly reserved?: number;
  /** Default 65,535. */
  readonly window?: number;
  readonly urgent?: number;
  /** Padded with end marks to a multiple of 4; at most 40 bytes. */
  readonly options?: readonly TcpOption[];
  /** Bytes; written as its quarter. Default: the right one. */
  readonly headerLength?: number;
  readonly checksum?: ChecksumChoice;
}

/** A TCP segment. Throws RangeError for options that are too long. */
export function buildTcp(fields: TcpFields, payload: Uint8Array, addresses: IpAddresses): Uint8Array {
  const options = (fields.options ?? []).flatMap(({ kind, data }) =>
    kind === TcpOptionKind.NoOperation || kind === TcpOptionKind.End
      ? [kind]
      : [kind, data.length + 2, ...data],
  );
  if (options.length > 40) throw new RangeError(`${options.length} bytes of TCP options are too long`);
  const headerBytes = tcpLayout.size + Math.ceil(options.length / 4) * 4;
  const segment = new Uint8Array(headerBytes + payload.length);
  tcpLayout.write(segment, {
    sourcePort: fields.sourcePort,
    destinationPort: fields.destinationPort,
    sequence: fields.sequence ?? 0,
    acknowledgment: fields.acknowledgment ?? 0,
    lengthAndReserved: ((fields.headerLength ?? headerBytes) << 2) | (fields.reserved ?? 0),
    flags: fields.flags ?? 0,
    window: fields.window ?? 0xffff,
    urgent: fields.urgent ?? 0,
  });
  segment.set(options, tcpLayout.size);
  segment.set(payload, headerBytes);
  const sum = choose(fields.checksum, addresses, IpProtocol.Tcp, segment);
  tcpLayout.set(segment, 'checksum', sum);
  return segment;
}

export interface UdpFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Header and payload. Default: the right one. */
  readonly length?: number;
  readonly checksum?: ChecksumChoice;
}

/** A UDP datagram; a computed checksum of 0 is sent as 65,535, as 0 means none (RFC 768). */
export function buildUdp(fields: UdpFields, payload: Uint8Array, addresses: IpAddresses): Uint8Array {
  const datagram = new Uint8Array(udpLayout.size + payload.length);
  const { sourcePort, destinationPort, length = datagram.length } = fields;
  udpLayout.write(datagram, { sourcePort, destinationPort, length });
  datagram.set(payload, udpLayout.size);
  const sum = choose(fields.checksum, addresses, IpProtocol.Udp, datagram);
  const given = typeof fields.checksum === 'number';
  udpLayout.set(datagram, 'checksum', sum === 0 && !given ? 0xffff : sum);
  return datagram;
}

export interface IcmpFields {
  readonly type: number;
  readonly code?: number;
  /** Identifier and sequence of an echo. */
  readonly echo?: { readonly identifier: number; readonly sequence: number };
  readonly mtu?: number;
  readonly checksum?: number;
}

/**
 * An ICMP message, or an ICMPv6 one when the addresses are IPv6. The payload of an error is the packet it
 * quotes.
 */
export function buildIcmp(fields: IcmpFields, payload: Uint8Array, addresses: IpAddresses): Uint8Array {
  const { type, code = 0, echo, mtu = 0 } = fields;
  const message = new Uint8Array(icmpLayout.size + payload.length);
  icmpLayout.write(message, {
    type,
    code,
    first: echo?.identifier ?? mtu >>> 16,
    second: echo?.sequence ?? mtu & 0xffff,
  });
  message.set(payload, icmpLayout.size);
  const right =
    addresses.source.length === 4
      ? checksum(message)
      : transportChecksum(addresses, IpProtocol.Icmpv6, message);
  icmpLayout.set(message, 'checksum', fields.checksum ?? right);
  return message;
}

function choose(
  choice: ChecksumChoice | undefined,
  addresses: IpAddresses,
  protocol: number,
  bytes: Uint8Array,
): number {
  if (typeof choice === 'number') return choice;
  return choice === 'partial'
    ? fold(pseudoHeaderSum(addresses, protocol, bytes.length))
    : transportChecksum(addresses, protocol, bytes);
}
