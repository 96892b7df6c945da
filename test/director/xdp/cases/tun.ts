import { FlowState, Mode } from '../../../../director/forward/index.ts';
import { IcmpType, Icmpv6Type, IpProtocol } from '../../../../lib/packet/index.ts';
import { client4, client6, config, entry } from '../../forward/world.ts';
import {
  Ack,
  back4,
  back6,
  clientPort,
  flow4,
  flow6,
  to4,
  to6,
  toBalancer,
  tunnelTo,
  type PacketCase,
} from './case.ts';

const outer4 = { source: config.tunnelSource4, destination: '10.0.1.1', ttl: 64, dontFragment: true };
const outer6 = { source: config.tunnelSource6, destination: 'fd00::1:2', hopLimit: 64 };
const tun = entry({ mode: Mode.Tun });
const tun6 = entry({ mode: Mode.Tun, balancer: 2 });

const syn4 = to4({ tcp: { destinationPort: 9001 } });
const syn6 = to6({ tcp: { destinationPort: 9001 } });
const marked4 = to4({ ip: { tos: 0xb9 }, tcp: { destinationPort: 9001, flags: Ack }, payloadBytes: 3 });
const marked6 = to6({
  ip: { trafficClass: 0xb9 },
  tcp: { destinationPort: 9001, flags: Ack },
  payloadBytes: 3,
});
const ack4 = to4({ tcp: { destinationPort: 9001, flags: Ack } });
const ack6 = to6({ tcp: { destinationPort: 9001, flags: Ack } });
const padded = Uint8Array.from([...syn4, 9, 9, 9, 9, 9, 9]);
const wide4 = (payloadBytes: number) => to4({ tcp: { destinationPort: 9001, flags: Ack }, payloadBytes });
const wide6 = (payloadBytes: number) => to6({ tcp: { destinationPort: 9001, flags: Ack }, payloadBytes });
const ackOfDr = to4({ tcp: { flags: Ack } });

/** Mode tun: the whole IP packet travels in another one. */
export const tunCases: readonly PacketCase[] = [
  {
    title: 'IPv4 in IPv4: a SYN is wrapped for the balancer',
    packet: syn4,
    verdict: 'tx',
    counter: 'forwardNew',
    sent: tunnelTo(syn4, 1, { ...outer4, protocol: IpProtocol.Ipv4 }),
    after: {
      client: client4,
      port: clientPort,
      service: 1,
      table: 'unconfirmed',
      entry: { balancer: 1, generation: 1, state: FlowState.Opening, mode: Mode.Tun, lastAck: 0 },
    },
  },
  {
    title: 'IPv6 in IPv6: a SYN is wrapped for the balancer',
    packet: syn6,
    verdict: 'tx',
    counter: 'forwardNew',
    sent: tunnelTo(syn6, 2, { ...outer6, protocol: IpProtocol.Ipv6 }),
    after: {
      client: client6,
      port: clientPort,
      service: 3,
      table: 'unconfirmed',
      entry: { balancer: 2, generation: 1, state: FlowState.Opening, mode: Mode.Tun, lastAck: 0 },
    },
  },
  {
    title: 'IPv4 in IPv6',
    flows: [flow4('confirmed', tun6, 1)],
    packet: ack4,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: tunnelTo(ack4, 2, { ...outer6, protocol: IpProtocol.Ipv4 }),
  },
  {
    title: 'IPv6 in IPv4',
    flows: [flow6('confirmed', tun, 3)],
    packet: ack6,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: tunnelTo(ack6, 1, { ...outer4, protocol: IpProtocol.Ipv6 }),
  },
  {
    title: 'TOS goes outside, ECN included, and odd lengths are right',
    packet: marked4,
    verdict: 'tx',
    counter: 'forwardStray',
    sent: tunnelTo(marked4, 1, { ...outer4, tos: 0xb9, protocol: IpProtocol.Ipv4 }),
  },
  {
    title: 'the traffic class goes outside',
    packet: marked6,
    verdict: 'tx',
    counter: 'forwardStray',
    sent: tunnelTo(marked6, 2, { ...outer6, trafficClass: 0xb9, protocol: IpProtocol.Ipv6 }),
  },
  {
    title: 'the padding of a short frame is not counted as content',
    packet: padded,
    verdict: 'tx',
    counter: 'forwardNew',
    sent: Uint8Array.from([...tunnelTo(syn4, 1, { ...outer4, protocol: IpProtocol.Ipv4 }), 9, 9, 9, 9, 9, 9]),
  },
  {
    title: 'a flow that began with dr stays with dr on a service that turned to tun',
    flows: [flow4('confirmed', entry({ balancer: 3, mode: Mode.Dr }), 1)],
    packet: ack4,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: toBalancer(ack4, 3),
  },
  {
    title: 'a flow that began with tun stays with tun on a service that turned to dr',
    flows: [flow4('confirmed', tun)],
    packet: ackOfDr,
    verdict: 'tx',
    counter: 'forwardHit',
    sent: tunnelTo(ackOfDr, 1, { ...outer4, protocol: IpProtocol.Ipv4 }),
  },
  {
    title: 'what just fits is wrapped: 1,480 bytes',
    packet: wide4(1_440),
    verdict: 'tx',
    counter: 'forwardStray',
    sent: tunnelTo(wide4(1_440), 1, { ...outer4, protocol: IpProtocol.Ipv4 }),
  },
  {
    title: 'one byte more is answered with "fragmentation needed", 1,480',
    packet: wide4(1_441),
    verdict: 'tx',
    counter: 'tooBig',
    sent: back4({
      icmp: { type: IcmpType.Unreachable, code: 4, mtu: 1_480 },
      payload: wide4(1_441).slice(14, 54),
    }),
  },
  {
    title: 'over IPv6 too big is answered with "packet too big", 1,460',
    packet: wide6(1_441),
    verdict: 'tx',
    counter: 'tooBig',
    sent: back6({ icmp: { type: Icmpv6Type.PacketTooBig, mtu: 1_460 }, payload: wide6(1_441).slice(14, 74) }),
  },
  {
    title: 'an unknown mode is not guessed',
    flows: [flow4('confirmed', entry({ mode: 9 as Mode }), 1)],
    packet: ack4,
    verdict: 'drop',
    counter: 'dropInternal',
  },
];
