/** Both ends of a packet, and packets of our own that answer one. */
import {
  buildPacket,
  ipv4Layout,
  ipv6Layout,
  parseTcpOptions,
  TcpFlag,
  tcpLayout,
  TcpOptionKind,
  type TcpPacket,
} from '../../lib/packet/index.ts';
import { ownTtl } from '../forward/index.ts';

/** An address, 4 or 16 bytes, and a port. */
export interface End {
  readonly address: Uint8Array;
  readonly port: number;
}

/** Writes other ends into a packet; its checksums are wrong afterwards. The family must be the packet's. */
export function writeEnds(bytes: Uint8Array, { family, at }: TcpPacket, source: End, destination: End): void {
  const addresses = { source: source.address, destination: destination.address };
  if (family === 4) ipv4Layout.write(bytes, addresses);
  else ipv6Layout.write(bytes, addresses);
  tcpLayout.write(bytes, { sourcePort: source.port, destinationPort: destination.port }, at);
}

/** What a segment without MSS option says (RFC 9293 3.7.1). */
const defaultMss = { 4: 536, 6: 1_220 } as const;

/** The largest segment that the sender of this SYN takes. */
export function mssOf(bytes: Uint8Array, { family, at, payloadAt }: TcpPacket): number {
  const options = parseTcpOptions(bytes, at + tcpLayout.size, payloadAt);
  if (options.kind !== 'options') return defaultMss[family];
  const option = options.list.find(
    ({ kind, data }) => kind === TcpOptionKind.MaximumSegmentSize && data.length === 2,
  );
  // A zero would never end a packet's cutting; nobody means it.
  return option === undefined ? defaultMss[family] : Math.max(1, (option.data[0]! << 8) | option.data[1]!);
}

/** Bytes of payload in one packet to somebody who takes segments of `mss` over links of `mtu`: options come off both (RFC 6691). */
export function payloadRoom({ at, payloadAt }: TcpPacket, mtu: number, mss: number): number {
  const optionBytes = payloadAt - at - tcpLayout.size;
  return Math.max(1, Math.min(mtu - payloadAt, mss - optionBytes));
}

/** The RST that answers a packet, as a closed port does (RFC 9293 3.10.7.1); undefined when that is one itself. */
export function resetFor(bytes: Uint8Array, packet: TcpPacket): Uint8Array | undefined {
  const { at, payloadAt, end, source, destination } = packet;
  const { flags, sequence, acknowledgment, sourcePort, destinationPort } = tcpLayout.read(bytes, at);
  if ((flags & TcpFlag.Rst) !== 0) return undefined;
  const phantom = Number((flags & TcpFlag.Syn) !== 0) + Number((flags & TcpFlag.Fin) !== 0);
  const numbers =
    (flags & TcpFlag.Ack) !== 0
      ? { flags: TcpFlag.Rst, sequence: acknowledgment }
      : {
          flags: TcpFlag.Rst | TcpFlag.Ack,
          acknowledgment: (sequence + end - payloadAt + phantom) >>> 0,
        };
  return buildPacket({
    ip: { source: destination, destination: source, ttl: ownTtl, hopLimit: ownTtl, dontFragment: true },
    tcp: { sourcePort: destinationPort, destinationPort: sourcePort, window: 0, ...numbers },
  });
}
