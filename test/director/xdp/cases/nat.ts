import { FlowState, Mode } from '../../../../director/forward/index.ts';
import {
  buildPacket,
  IcmpType,
  Icmpv6Type,
  macBytes,
  type PacketFields,
} from '../../../../lib/packet/index.ts';
import { client4, client6, clientMac, entry, gatewayMac, ownMac, vip4, vip6 } from '../../forward/world.ts';
import {
  Ack,
  back4,
  clientPort,
  Fin,
  flow4,
  flow6,
  payloadOf,
  Psh,
  Rst,
  Syn,
  to4,
  to6,
  toBalancer,
  type PacketCase,
} from './case.ts';

type Tcp = NonNullable<PacketFields['tcp']>;

const at4 = { client: client4, port: clientPort, service: 7 } as const;
const at6 = { client: client6, port: clientPort, service: 8 } as const;
const nat = entry({ mode: Mode.Nat, clientMac: macBytes(clientMac) });
const nat6 = entry({ mode: Mode.Nat, balancer: 2, clientMac: macBytes(clientMac) });
const fresh = {
  balancer: 1,
  generation: 1,
  state: FlowState.Opening,
  mode: Mode.Nat,
  clientMac: macBytes(gatewayMac),
  lastAck: 0,
};
const balancerMac = (index: number) => Uint8Array.of(2, 0, 0, 0, 0xb, index);

const toVip4 = (tcp: Partial<Tcp>, payloadBytes = 0) =>
  to4({ tcp: { destinationPort: 9003, ...tcp }, payloadBytes });
const toVip6 = (tcp: Partial<Tcp>, payloadBytes = 0) =>
  to6({ tcp: { destinationPort: 9003, ...tcp }, payloadBytes });
const toEndpoint4 = (tcp: Partial<Tcp>, payloadBytes = 0, index = 1) =>
  toBalancer(
    to4({ ip: { destination: `10.0.1.${index}` }, tcp: { destinationPort: 7003, ...tcp }, payloadBytes }),
    index,
  );
const toEndpoint6 = (tcp: Partial<Tcp>, payloadBytes = 0) =>
  toBalancer(
    to6({ ip: { destination: 'fd00::1:2' }, tcp: { destinationPort: 7004, ...tcp }, payloadBytes }),
    2,
  );

/** What a balancer answers, as it comes to us. */
const answer4 = (tcp: Partial<Tcp> = {}, payloadBytes = 0, ip: Partial<PacketFields['ip']> = {}) =>
  buildPacket({
    ethernet: { source: balancerMac(1), destination: ownMac },
    ip: { source: '10.0.1.1', destination: client4, ...ip },
    tcp: { sourcePort: 7003, destinationPort: clientPort, sequence: 500, flags: Ack, ...tcp },
    payload: payloadOf(payloadBytes),
  });
const answer6 = (tcp: Partial<Tcp> = {}, payloadBytes = 0) =>
  buildPacket({
    ethernet: { source: balancerMac(2), destination: ownMac },
    ip: { source: 'fd00::1:2', destination: client6 },
    tcp: { sourcePort: 7004, destinationPort: clientPort, sequence: 500, flags: Ack, ...tcp },
    payload: payloadOf(payloadBytes),
  });

/** The same on its way to the client. */
const fromVip4 = (tcp: Partial<Tcp> = {}, payloadBytes = 0, mac = clientMac) =>
  buildPacket({
    ethernet: { source: ownMac, destination: mac },
    ip: { source: vip4, destination: client4 },
    tcp: { sourcePort: 9003, destinationPort: clientPort, sequence: 500, flags: Ack, ...tcp },
    payload: payloadOf(payloadBytes),
  });
const fromVip6 = (tcp: Partial<Tcp> = {}, payloadBytes = 0) =>
  buildPacket({
    ethernet: { source: ownMac, destination: clientMac },
    ip: { source: vip6, destination: client6 },
    tcp: { sourcePort: 9003, destinationPort: clientPort, sequence: 500, flags: Ack, ...tcp },
    payload: payloadOf(payloadBytes),
  });

const unreachable = { type: IcmpType.Unreachable, code: 4, mtu: 1_400 };
const packetTooBig = { type: Icmpv6Type.PacketTooBig, mtu: 1_400 };

/** An ICMP error from `source` to `destination` that quotes `bytes` of a packet between `quoted` ends. */
function error(
  macs: readonly [string | Uint8Array, string | Uint8Array],
  source: string,
  destination: string,
  quoted: readonly [string, number, string, number],
  bytes?: number,
): Uint8Array {
  const [from, sourcePort, to, destinationPort] = quoted;
  const inner = buildPacket({ ip: { source: from, destination: to }, tcp: { sourcePort, destinationPort } });
  return buildPacket({
    ethernet: { source: macs[0], destination: macs[1] },
    ip: { source, destination },
    icmp: destination.includes(':') ? packetTooBig : unreachable,
    payload: inner.slice(0, bytes),
  });
}

const in4 = [gatewayMac, ownMac] as const;
const router4 = '192.0.2.254';
const router6 = '2001:db8:f::1';
const sentByVip4 = [vip4, 9003, client4, clientPort] as const;
const sentByEndpoint4 = ['10.0.1.1', 7003, client4, clientPort] as const;
const sentByVip6 = [vip6, 9003, client6, clientPort] as const;
const sentByEndpoint6 = ['fd00::1:2', 7004, client6, clientPort] as const;
const turned = ([a, b, c, d]: readonly [string, number, string, number]) => [c, d, a, b] as const;

/** Mode nat: another destination, and another source on the way back. */
export const natCases: readonly PacketCase[] = [
  {
    title: 'nat: a SYN goes to the endpoint of its balancer, and the MAC address it came from is noted',
    packet: toVip4({}),
    verdict: 'tx',
    counter: 'forwardNew',
    sent: toEndpoint4({}),
    after: { ...at4, table: 'unconfirmed', entry: fresh },
  },
  {
    title: 'nat: a SYN over IPv6 goes to the endpoint of its balancer',
    packet: toVip6({}),
    verdict: 'tx',
    counter: 'forwardNew',
    sent: toEndpoint6({}),
    after: { ...at6, table: 'unconfirmed', entry: { ...fresh, balancer: 2 } },
  },
  {
    title: 'nat: data follows its entry with right checksums, and the way back follows the client',
    flows: [flow4('confirmed', entry({ ...nat, balancer: 3 }), 7)],
    packet: toVip4({ flags: Ack | Psh, acknowledgment: 0xffff_fff0 }, 101),
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toEndpoint4({ flags: Ack | Psh, acknowledgment: 0xffff_fff0 }, 101, 3),
    after: {
      ...at4,
      table: 'confirmed',
      entry: { ...fresh, balancer: 3, state: FlowState.Established, lastAck: 0xffff_fff0 },
    },
  },
  {
    title: 'nat: a SYN that follows its entry moves no way back',
    flows: [flow4('confirmed', nat, 7)],
    packet: toVip4({}),
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toEndpoint4({}),
    after: {
      ...at4,
      table: 'confirmed',
      entry: { ...fresh, state: FlowState.Established, clientMac: macBytes(clientMac) },
    },
  },
  {
    title: 'nat: a wrong checksum is not repaired',
    flows: [flow4('confirmed', nat, 7)],
    packet: toVip4({ flags: Ack, checksum: 0x1234 }),
    verdict: 'tx',
    counter: 'forwardHit',

    sent: toEndpoint4({ flags: Ack, checksum: wrongAfter() }),
  },
  {
    title: 'nat: a balancer without an endpoint gets nothing',
    flows: [flow4('confirmed', entry({ ...nat, balancer: 4 }), 7)],
    packet: toVip4({ flags: Ack }),
    verdict: 'drop',
    counter: 'dropInternal',
  },
  {
    title: 'nat: families are not mixed',
    flows: [flow4('confirmed', entry({ ...nat, balancer: 2 }), 7)],
    packet: toVip4({ flags: Ack }),
    verdict: 'drop',
    counter: 'dropInternal',
  },
  {
    title: 'nat: what the balancer answers comes from the VIP and goes where the client came from',
    flows: [flow4('confirmed', nat, 7)],
    packet: answer4({ flags: Ack | Psh }, 37),
    verdict: 'tx',
    counter: 'forwardAnswer',
    sent: fromVip4({ flags: Ack | Psh }, 37),
    after: {
      ...at4,
      table: 'confirmed',
      entry: { ...fresh, state: FlowState.Established, clientMac: macBytes(clientMac) },
    },
  },
  {
    title: 'nat: an answer over IPv6 comes from the VIP',
    flows: [flow6('unconfirmed', nat6, 8)],
    packet: answer6({ flags: Ack | Syn }, 2),
    verdict: 'tx',
    counter: 'forwardAnswer',
    sent: fromVip6({ flags: Ack | Syn }, 2),
  },
  {
    title: 'nat: the SYN-ACK does not open the entry, the client does',
    flows: [flow4('unconfirmed', entry({ ...nat, state: FlowState.Opening }), 7)],
    packet: answer4({ flags: Ack | Syn }),
    verdict: 'tx',
    counter: 'forwardAnswer',
    sent: fromVip4({ flags: Ack | Syn }),
    after: { ...at4, table: 'unconfirmed', entry: { ...fresh, clientMac: macBytes(clientMac) } },
  },
  {
    title: 'nat: FIN of the balancer makes the entry closing',
    flows: [flow4('confirmed', nat, 7)],
    packet: answer4({ flags: Fin | Ack }),
    verdict: 'tx',
    counter: 'forwardAnswer',
    sent: fromVip4({ flags: Fin | Ack }),
    after: {
      ...at4,
      table: 'confirmed',
      entry: { ...fresh, state: FlowState.Closing, clientMac: macBytes(clientMac) },
    },
  },
  {
    title: 'nat: RST of the balancer makes the entry closing',
    flows: [flow4('unconfirmed', nat, 7)],
    packet: answer4({ flags: Rst }),
    verdict: 'tx',
    counter: 'forwardAnswer',
    sent: fromVip4({ flags: Rst }),
    after: {
      ...at4,
      table: 'unconfirmed',
      entry: { ...fresh, state: FlowState.Closing, clientMac: macBytes(clientMac) },
    },
  },
  {
    title: 'nat: an answer goes to the gateway when the next hop of the client is not known',
    flows: [flow4('confirmed', entry({ mode: Mode.Nat }), 7)],
    gateway: true,
    packet: answer4(),
    verdict: 'tx',
    counter: 'forwardAnswer',
    sent: fromVip4({}, 0, gatewayMac),
  },
  {
    title: 'nat: an answer without any next hop is dropped',
    flows: [flow4('confirmed', entry({ mode: Mode.Nat }), 7)],
    packet: answer4(),
    verdict: 'drop',
    counter: 'dropInternal',
  },
  {
    title: 'nat: an answer without a flow passes: the endpoint has other clients, ourselves above all',
    packet: answer4(),
    verdict: 'pass',
    counter: 'passNoFlow',
  },
  {
    title: 'nat: an answer to a flow of another mode passes',
    flows: [flow4('confirmed', entry(), 7)],
    packet: answer4(),
    verdict: 'pass',
    counter: 'passNoFlow',
  },
  {
    title: "nat: an answer to another balancer's flow passes",
    flows: [flow4('confirmed', entry({ ...nat, balancer: 3 }), 7)],
    packet: answer4(),
    verdict: 'pass',
    counter: 'passNoFlow',
  },
  {
    title: 'nat: an answer to a flow of another life of the balancer passes',
    flows: [flow4('confirmed', entry({ ...nat, generation: 2 }), 7)],
    packet: answer4(),
    verdict: 'pass',
    counter: 'passNoFlow',
  },
  {
    title: 'nat: an answer from another port of the balancer passes',
    flows: [flow4('confirmed', nat, 7)],
    packet: answer4({ sourcePort: 22 }),
    verdict: 'pass',
    counter: 'passOther',
  },
  {
    title: 'nat: what a dead balancer answers late is dropped: its client has heard RST',
    flows: [flow4('confirmed', entry({ ...nat, balancer: 5 }), 7)],
    packet: answer4({}, 0, { source: '10.0.1.5' }),
    verdict: 'drop',
    counter: 'dropDead',
  },
  {
    title: "nat: a dead balancer's flow is answered with RST as the VIP",
    flows: [flow4('confirmed', entry({ ...nat, balancer: 5 }), 7)],
    packet: toVip4({ flags: Ack, acknowledgment: 7 }),
    verdict: 'tx',
    counter: 'resetDead',
    sent: back4({
      tcp: { sourcePort: 9003, destinationPort: clientPort, flags: Rst, sequence: 7, window: 0 },
    }),
  },
  {
    title: 'nat: an answer whose lengths contradict each other is dropped',
    flows: [flow4('confirmed', nat, 7)],
    packet: answer4({ headerLength: 60 }),
    verdict: 'drop',
    counter: 'dropMalformed',
  },
  {
    title: 'nat: an answer with IP options passes',
    flows: [flow4('confirmed', nat, 7)],
    packet: answer4({}, 0, { options: new Uint8Array(4) }),
    verdict: 'pass',
    counter: 'passOther',
  },
  {
    title: 'nat: an error about a flow reaches the balancer as one about its own packet',
    flows: [flow4('confirmed', nat, 7)],
    packet: error(in4, router4, vip4, sentByVip4),
    verdict: 'tx',
    counter: 'forwardIcmp',
    sent: error([ownMac, balancerMac(1)], router4, '10.0.1.1', sentByEndpoint4),
  },
  {
    title: 'nat: an error that quotes eight bytes of TCP is translated without its checksum',
    flows: [flow4('confirmed', nat, 7)],
    packet: error(in4, router4, vip4, sentByVip4, 28),
    verdict: 'tx',
    counter: 'forwardIcmp',
    sent: error([ownMac, balancerMac(1)], router4, '10.0.1.1', sentByEndpoint4, 28),
  },
  {
    title: 'nat: an error that quotes TCP just up to its checksum is translated',
    flows: [flow4('confirmed', nat, 7)],
    packet: error(in4, router4, vip4, [vip4, 9003, client4, clientPort], 36),
    verdict: 'tx',
    counter: 'forwardIcmp',
    sent: error([ownMac, balancerMac(1)], router4, '10.0.1.1', sentByEndpoint4, 36),
  },
  {
    title: 'nat: an error over IPv6 reaches the balancer as one about its own packet',
    flows: [flow6('confirmed', nat6, 8)],
    packet: error(in4, router6, vip6, sentByVip6),
    verdict: 'tx',
    counter: 'forwardIcmp',
    sent: error([ownMac, balancerMac(2)], router6, 'fd00::1:2', sentByEndpoint6),
  },
  {
    title: "nat: a balancer's error about a client's packet comes from the VIP",
    flows: [flow4('confirmed', nat, 7)],
    packet: error([balancerMac(1), ownMac], '10.0.1.1', client4, turned(sentByEndpoint4)),
    verdict: 'tx',
    counter: 'forwardAnswer',
    sent: error([ownMac, clientMac], vip4, client4, turned(sentByVip4)),
  },
  {
    title: 'nat: an error of a router behind us about the packet of a client comes from the VIP too',
    flows: [flow4('confirmed', nat, 7)],
    packet: error([balancerMac(1), ownMac], router4, client4, turned(sentByEndpoint4), 28),
    verdict: 'tx',
    counter: 'forwardAnswer',
    sent: error([ownMac, clientMac], vip4, client4, turned(sentByVip4), 28),
  },
  {
    title: "nat: a balancer's error over IPv6 comes from the VIP",
    flows: [flow6('confirmed', nat6, 8)],
    packet: error([balancerMac(2), ownMac], 'fd00::1:2', client6, turned(sentByEndpoint6)),
    verdict: 'tx',
    counter: 'forwardAnswer',
    sent: error([ownMac, clientMac], vip6, client6, turned(sentByVip6)),
  },
  {
    title: "nat: a balancer's error about no flow passes",
    packet: error([balancerMac(1), ownMac], '10.0.1.1', client4, turned(sentByEndpoint4)),
    verdict: 'pass',
    counter: 'passNoFlow',
  },
  {
    title: "nat: a balancer's error about a packet of somebody else passes",
    flows: [flow4('confirmed', nat, 7)],
    packet: error([balancerMac(1), ownMac], '10.0.1.1', client4, [router4, clientPort, '10.0.1.1', 7003]),
    verdict: 'pass',
    counter: 'passOther',
  },
];

/** 0x1234 after vip4:9003 became 10.0.1.1:7003, by RFC 1624. */
function wrongAfter(): number {
  const words = (bytes: readonly number[]) =>
    bytes.reduce((sum, byte, index) => sum + (index % 2 === 0 ? byte << 8 : byte), 0);
  const before = words([203, 0, 113, 10, 0x23, 0x2b]);
  const after = words([10, 0, 1, 1, 0x1b, 0x5b]);
  let sum = (~0x1234 & 0xffff) + (3 * 0xffff - before) + after;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
