import { Mode, proxyOwner } from '../../../../director/forward/index.ts';
import {
  buildPacket,
  IcmpType,
  Icmpv6Type,
  IpProtocol,
  type PacketFields,
} from '../../../../lib/packet/index.ts';
import {
  client4,
  client6,
  config,
  entry,
  gatewayMac,
  ownMac,
  vip4,
  vip4b,
  vip6,
} from '../../forward/world.ts';
import {
  back4,
  back6,
  clientPort,
  flow4,
  flow6,
  payloadOf,
  toBalancer,
  tunnelTo,
  type PacketCase,
} from './case.ts';

type Icmp = NonNullable<PacketFields['icmp']>;

const router4 = '192.0.2.254';
const router6 = '2001:db8:f::1';
const link = { source: gatewayMac, destination: ownMac };

function icmp4(icmp: Icmp, payload: Uint8Array, ip: Partial<PacketFields['ip']> = {}): Uint8Array {
  return buildPacket({
    ethernet: link,
    ip: { source: router4, destination: vip4, ttl: 9, ...ip },
    icmp,
    payload,
  });
}

function icmp6(icmp: Icmp, payload: Uint8Array, ip: Partial<PacketFields['ip']> = {}): Uint8Array {
  return buildPacket({
    ethernet: link,
    ip: { source: router6, destination: vip6, hopLimit: 9, ...ip },
    icmp,
    payload,
  });
}

/** What the balancer sent to the client and a router quotes. */
function sent4(port = 9000, ip: Partial<PacketFields['ip']> = {}, bytes = 28): Uint8Array {
  const tcp = { sourcePort: port, destinationPort: clientPort };
  return buildPacket({ ip: { source: vip4, destination: client4, ...ip }, tcp }).slice(0, bytes);
}

function sent6(port = 9000): Uint8Array {
  const tcp = { sourcePort: port, destinationPort: clientPort };
  return buildPacket({ ip: { source: vip6, destination: client6 }, tcp }).slice(0, 48);
}

const fragmentationNeeded = { type: IcmpType.Unreachable, code: 4, mtu: 1_400 };
const tooBig4 = icmp4(fragmentationNeeded, sent4());
const tooBig6 = icmp6({ type: Icmpv6Type.PacketTooBig, mtu: 1_400 }, sent6());
const aboutTun = icmp4(fragmentationNeeded, sent4(9001));
const echo = { identifier: 7, sequence: 3 };
const text = Uint8Array.from([104, 101, 97, 100, 103, 97, 116, 101, 33]);

/** ICMP for a VIP. */
export const icmpCases: readonly PacketCase[] = [
  {
    title: 'an echo to the VIP is answered',
    packet: icmp4({ type: IcmpType.Echo, echo }, text, { source: client4 }),
    verdict: 'tx',
    counter: 'echo',
    sent: back4({ icmp: { type: IcmpType.EchoReply, echo }, payload: text }, { dontFragment: false }),
  },
  {
    title: 'an echo to the IPv6 VIP is answered',
    packet: icmp6({ type: Icmpv6Type.Echo, echo }, text, { source: client6 }),
    verdict: 'tx',
    counter: 'echo',
    sent: back6({ icmp: { type: Icmpv6Type.EchoReply, echo }, payload: text }),
  },
  {
    title: 'an echo to another address passes',
    packet: icmp4({ type: IcmpType.Echo, echo }, text, { destination: '192.0.2.1' }),
    verdict: 'pass',
    counter: 'passOther',
  },
  {
    title: 'an echo reply passes',
    packet: icmp4({ type: IcmpType.EchoReply, echo }, text),
    verdict: 'pass',
    counter: 'passOther',
  },
  {
    title: 'a fragment of an echo is dropped',
    packet: icmp4({ type: IcmpType.Echo, echo }, text, { moreFragments: true }),
    verdict: 'drop',
    counter: 'dropFragment',
  },
  {
    title: 'a cut off ICMP header is dropped',
    packet: icmp4({ type: IcmpType.Echo, echo }, text).slice(0, 41),
    verdict: 'drop',
    counter: 'dropMalformed',
  },
  {
    title: '"fragmentation needed" goes to the balancer that owns the flow',
    flows: [flow4('confirmed', entry({ balancer: 3 }))],
    packet: tooBig4,
    verdict: 'tx',
    counter: 'forwardIcmp',
    sent: toBalancer(tooBig4, 3),
  },
  {
    title: '"packet too big" goes to the balancer that owns the flow',
    flows: [flow6('confirmed', entry({ balancer: 3 }))],
    packet: tooBig6,
    verdict: 'tx',
    counter: 'forwardIcmp',
    sent: toBalancer(tooBig6, 3),
  },
  {
    title: 'an error about a flow without entry follows the Maglev table and makes none',
    packet: tooBig4,
    verdict: 'tx',
    counter: 'forwardIcmp',
    sent: toBalancer(tooBig4, 1),
    after: { client: client4, port: clientPort, service: 0, table: 'unconfirmed', entry: undefined },
  },
  {
    title: 'an error about a flow with tun travels in the tunnel',
    flows: [flow4('confirmed', entry({ mode: Mode.Tun }), 1)],
    packet: aboutTun,
    verdict: 'tx',
    counter: 'forwardIcmp',
    sent: tunnelTo(aboutTun, 1, {
      source: config.tunnelSource4,
      destination: '10.0.1.1',
      ttl: 64,
      dontFragment: true,
      protocol: IpProtocol.Ipv4,
    }),
  },
  {
    title: 'an error about a proxied flow passes: it is for a socket of ours',
    flows: [flow4('confirmed', entry(proxyOwner))],
    packet: tooBig4,
    verdict: 'pass',
    counter: 'passProxy',
  },
  {
    title: 'an error about a flow without entry of a proxied service passes',
    packet: icmp4(fragmentationNeeded, sent4(9002)),
    verdict: 'pass',
    counter: 'passProxy',
  },
  {
    title: "an error about a dead balancer's flow is dropped",
    flows: [flow4('confirmed', entry({ balancer: 5 }))],
    packet: tooBig4,
    verdict: 'drop',
    counter: 'dropDead',
  },
  {
    title: 'an error about a service without balancers is dropped',
    packet: icmp4(fragmentationNeeded, sent4(9000, { source: vip4b }), { destination: vip4b }),
    verdict: 'drop',
    counter: 'dropNoBalancer',
  },
  {
    title: 'an error about a port that is no service passes',
    packet: icmp4(fragmentationNeeded, sent4(22)),
    verdict: 'pass',
    counter: 'passOther',
  },
  {
    title: "an error about somebody else's packet passes",
    packet: icmp4(fragmentationNeeded, sent4(9000, { source: vip4b })),
    verdict: 'pass',
    counter: 'passOther',
  },
  {
    title: 'an error that quotes too little passes',
    packet: icmp4(fragmentationNeeded, sent4(9000, {}, 27)),
    verdict: 'pass',
    counter: 'passOther',
  },
  {
    title: 'an error that quotes a packet with options passes',
    packet: icmp4(fragmentationNeeded, sent4(9000, { options: new Uint8Array(4) }, 40)),
    verdict: 'pass',
    counter: 'passOther',
  },
  {
    title: 'an error about a later fragment passes',
    packet: icmp4(fragmentationNeeded, sent4(9000, { fragmentOffset: 8 })),
    verdict: 'pass',
    counter: 'passOther',
  },
  {
    title: 'an error about a fragment far behind passes',
    packet: icmp4(fragmentationNeeded, sent4(9000, { fragmentOffset: 32_768 })),
    verdict: 'pass',
    counter: 'passOther',
  },
  {
    title: 'an error that does not fit the tunnel is dropped: no error about an error',
    flows: [flow4('confirmed', entry({ mode: Mode.Tun }), 1)],
    packet: icmp4(fragmentationNeeded, Uint8Array.from([...sent4(9001), ...payloadOf(1_430)])),
    verdict: 'drop',
    counter: 'dropInternal',
  },
  {
    title: 'a redirect passes',
    packet: icmp4({ type: IcmpType.Redirect, code: 1 }, sent4()),
    verdict: 'pass',
    counter: 'passOther',
  },
];
