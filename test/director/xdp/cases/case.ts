/** Packet cases as data: run through forward() and through the program. */
import { buildPacket, TcpFlag, type PacketFields } from '../../../../lib/packet/index.ts';
import type { Counter, FlowEntry, FlowTable, Verdict } from '../../../../director/forward/index.ts';
import { client4, client6, gatewayMac, ownMac, vip4, vip6, type WorldFlow } from '../../forward/world.ts';

export interface PacketCase {
  readonly title: string;
  /** Flows that world() has besides. */
  readonly flows?: readonly WorldFlow[];
  /** Default false. */
  readonly refuseNew?: boolean;
  /** Whether the configuration names a next hop for clients whose own is not known; default false. */
  readonly gateway?: boolean;
  /** Bytes of payload of the segments the packet consists of (tcx only); default 0: it is one. */
  readonly segmentBytes?: number;
  readonly packet: Uint8Array;
  readonly verdict: Verdict;
  readonly counter: Counter;
  /** What leaves; default: what came. */
  readonly sent?: Uint8Array;
  /** What becomes of the flow of `client:port` at a service; undefined: it has no entry in that table. */
  readonly after?: {
    readonly client: string;
    readonly port: number;
    readonly service: number;
    readonly table: FlowTable;
    /** Without `lastSeen`, which is now. */
    readonly entry: Omit<FlowEntry, 'lastSeen'> | undefined;
  };
}

export const clientPort = 40_000;
export const { Ack, Fin, Psh, Rst, Syn } = TcpFlag;

type Tcp = NonNullable<PacketFields['tcp']>;

/** What differs from a SYN of the client to `vip:9000`, from the gateway to us. */
export interface Differences {
  readonly link?: Partial<PacketFields['ethernet']>;
  readonly ip?: Partial<PacketFields['ip']>;
  readonly tcp?: Partial<Tcp>;
  readonly payloadBytes?: number;
}

const link = { source: gatewayMac, destination: ownMac };

export function payloadOf(bytes: number): Uint8Array {
  return new Uint8Array(bytes).fill(0x61);
}

/** A segment from the client to the VIP over IPv4. */
export function to4({ link: l, ip, tcp, payloadBytes = 0 }: Differences = {}): Uint8Array {
  return buildPacket({
    ethernet: { ...link, ...l },
    ip: { source: client4, destination: vip4, ...ip },
    tcp: { sourcePort: clientPort, destinationPort: 9000, sequence: 1_000, flags: Syn, ...tcp },
    payload: payloadOf(payloadBytes),
  });
}

/** A segment from the client to the VIP over IPv6. */
export function to6({ link: l, ip, tcp, payloadBytes = 0 }: Differences = {}): Uint8Array {
  return buildPacket({
    ethernet: { ...link, ...l },
    ip: { source: client6, destination: vip6, ...ip },
    tcp: { sourcePort: clientPort, destinationPort: 9000, sequence: 1_000, flags: Syn, ...tcp },
    payload: payloadOf(payloadBytes),
  });
}

/** The frame on its way to balancer `index`: other MAC addresses. */
export function toBalancer(frame: Uint8Array, index: number): Uint8Array {
  const sent = frame.slice();
  sent.set([2, 0, 0, 0, 0xb, index], 0);
  sent.set([2, 0, 0, 0, 0, 0xd1], 6);
  return sent;
}

/** `content` in an IP packet to balancer `index`, beginning at the frame's IP header. */
export function tunnelTo(
  frame: Uint8Array,
  index: number,
  ip: PacketFields['ip'] & { protocol: number },
): Uint8Array {
  return buildPacket({
    ethernet: { source: ownMac, destination: Uint8Array.of(2, 0, 0, 0, 0xb, index) },
    ip,
    payload: frame.slice(14),
  });
}

/** A frame from the VIP back to the gateway, as we make them ourselves. */
export function back4(
  content: Omit<PacketFields, 'ip' | 'ethernet'>,
  ip: Partial<PacketFields['ip']> = {},
): Uint8Array {
  return buildPacket({
    ethernet: { source: ownMac, destination: gatewayMac },
    ip: { source: vip4, destination: client4, ttl: 64, dontFragment: true, ...ip },
    ...content,
  });
}

export function back6(
  content: Omit<PacketFields, 'ip' | 'ethernet'>,
  ip: Partial<PacketFields['ip']> = {},
): Uint8Array {
  return buildPacket({
    ethernet: { source: ownMac, destination: gatewayMac },
    ip: { source: vip6, destination: client6, hopLimit: 64, ...ip },
    ...content,
  });
}

/** A flow of the IPv4 client at service 0. */
export function flow4(table: FlowTable, entry: FlowEntry, service = 0): WorldFlow {
  return { client: client4, port: clientPort, service, table, entry };
}

export function flow6(table: FlowTable, entry: FlowEntry, service = 2): WorldFlow {
  return { client: client6, port: clientPort, service, table, entry };
}
