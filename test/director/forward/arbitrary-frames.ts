/** Arbitrary frames, of which many are for arbitrary states and many are not quite. */
import fc from 'fast-check';
import {
  buildPacket,
  IcmpType,
  Icmpv6Type,
  IpProtocol,
  TcpFlag,
  type PacketFields,
} from '../../../lib/packet/index.ts';
import {
  clientPorts,
  clients4,
  clients6,
  endpointAddress,
  endpointPort,
  isV6,
  natOwner,
  oftenOwner,
  servicePorts,
} from './arbitrary-state.ts';
import { gatewayMac, ownMac, vip4, vip4b, vip6 } from './world.ts';

const flags = fc.oneof(
  { weight: 4, arbitrary: fc.constant(TcpFlag.Syn) },
  { weight: 6, arbitrary: fc.constant(TcpFlag.Ack) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(TcpFlag.Fin | TcpFlag.Ack, TcpFlag.Rst, TcpFlag.Rst | TcpFlag.Ack),
  },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 0xff }) },
);
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const payload = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 40 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1_180, max: 1_300 }) },
);
const bytesOf = (length: number) => Uint8Array.from({ length }, (_, index) => index);

const ends = fc.record({
  v6: fc.boolean(),
  client: fc.integer({ min: 0, max: 1 }),
  vip: fc.oneof({ weight: 14, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(1, 2) }),
  clientPort: fc.constantFrom(...clientPorts),
  port: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(...servicePorts) },
    { weight: 1, arbitrary: fc.constant(22) },
  ),
});

function addresses({ v6, client, vip }: { v6: boolean; client: number; vip: number }) {
  const vips = v6 ? [vip6, '::ffff:203.0.113.10', '2001:db8::99'] : [vip4, vip4b, '192.0.2.99'];
  return { source: (v6 ? clients6 : clients4)[client]!, destination: vips[vip]! };
}

const plain = {
  tos: 0,
  ttl: 60,
  options: 0,
  fragmentOffset: 0,
  moreFragments: false,
  dontFragment: true,
  extension: undefined,
  lengthOff: 0,
};

const odd = fc.record({
  tos: fc.integer({ min: 0, max: 255 }),
  ttl: fc.integer({ min: 0, max: 255 }),
  options: fc.constantFrom(0, 0, 0, 4, 40),
  fragmentOffset: fc.constantFrom(0, 0, 0, 8, 65_528),
  moreFragments: fc.constantFrom(false, false, false, true),
  dontFragment: fc.boolean(),
  extension: fc.constantFrom(undefined, undefined, undefined, 0, 43, 44, 51, 60, 135, 50),
  lengthOff: fc.constantFrom(0, 0, 0, -1, 1, -20, -40, 1_000),
});

const oddities = fc.oneof({ weight: 5, arbitrary: fc.constant(plain) }, { weight: 1, arbitrary: odd });

type Ends = typeof ends extends fc.Arbitrary<infer Value> ? Value : never;
type Oddities = typeof oddities extends fc.Arbitrary<infer Value> ? Value : never;

function ipFields(at: Ends, odd: Oddities, lengthOfRest: number): PacketFields['ip'] {
  const common = { ...addresses(at), ttl: odd.ttl, hopLimit: odd.ttl };
  if (at.v6) {
    const { extension } = odd;
    const extensions = extension === undefined ? [] : [{ type: extension, rest: new Uint8Array(7) }];
    const length = lengthOfRest + extensions.length * 8 + odd.lengthOff;
    return { ...common, trafficClass: odd.tos, extensions, payloadLength: Math.max(0, length) };
  }
  const { tos, options, fragmentOffset, moreFragments, dontFragment } = odd;
  const totalLength = Math.max(0, 20 + options + lengthOfRest + odd.lengthOff);
  return {
    ...common,
    tos,
    options: bytesOf(options),
    fragmentOffset,
    moreFragments,
    dontFragment,
    totalLength,
  };
}

const ours = { source: gatewayMac, destination: ownMac, vlans: [] };

const ethernet = fc.oneof(
  { weight: 20, arbitrary: fc.constant(ours) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('ff:ff:ff:ff:ff:ff', '02:00:00:00:00:d2')
      .map((destination) => ({ ...ours, destination })),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom([{ id: 7 }], [{ id: 7, type: 0x88a8 }, { id: 9 }])
      .map((vlans) => ({ ...ours, vlans })),
  },
);

const tcp = fc
  .record({
    ethernet,
    ends,
    odd: oddities,
    flags,
    sequence: u32,
    acknowledgment: u32,
    headerLength: fc.oneof(
      { weight: 12, arbitrary: fc.constant(20) },
      { weight: 1, arbitrary: fc.constantFrom(24, 16, 0, 60) },
    ),
    optionWords: fc.integer({ min: 0, max: 2 }),
    bytes: payload,
  })
  .map(({ ethernet: link, ends: at, odd, optionWords, headerLength, bytes, ...fields }) => {
    const headerBytes = 20 + optionWords * 4;
    return buildPacket({
      ethernet: link,
      ip: ipFields(at, odd, headerBytes + bytes),
      tcp: {
        sourcePort: at.clientPort,
        destinationPort: at.port,
        ...fields,
        options: Array.from({ length: optionWords * 4 }, () => ({ kind: 1, data: new Uint8Array(0) })),
        ...(headerLength === 20 ? {} : { headerLength }),
      },
      payload: bytesOf(bytes),
    });
  });

/** Frames to be cut into segments, and those that are one. */
export const segmentBytes = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.constantFrom(1, 10, 500, 1_219, 1_220, 1_221, 1_240, 9_000) },
);

/** From the endpoint of a balancer to a client. */
const answer = fc
  .record({
    ethernet,
    ends,
    odd: oddities,
    service: fc.integer({ min: 0, max: 4 }),
    other: oftenOwner,
    flags,
    sequence: u32,
    acknowledgment: u32,
    optionWords: fc.integer({ min: 0, max: 2 }),
    bytes: payload,
    checksum: fc.option(fc.constantFrom(0, 0xffff), { nil: undefined, freq: 6 }),
  })
  .map(({ ethernet: link, ends: at, odd, service: index, other, optionWords, bytes, checksum, ...rest }) => {
    const v6 = isV6(index);
    const owner = other ?? natOwner(index);
    const ip = ipFields({ ...at, v6 }, odd, 20 + optionWords * 4 + bytes);
    return buildPacket({
      ethernet: link,
      ip: { ...ip, source: endpointAddress(owner, v6), destination: ip.source },
      tcp: {
        sourcePort: endpointPort(index),
        destinationPort: at.clientPort,
        ...rest,
        options: Array.from({ length: optionWords * 4 }, () => ({ kind: 1, data: new Uint8Array(0) })),
        ...(checksum === undefined ? {} : { checksum }),
      },
      payload: bytesOf(bytes),
    });
  });

/** An ICMP error to a client about a packet of it to an endpoint, perhaps cut. */
const answerError = fc
  .record({
    ends,
    quoter: ends,
    odd: oddities,
    service: fc.integer({ min: 0, max: 4 }),
    other: oftenOwner,
    type4: fc.constantFrom(IcmpType.Unreachable, IcmpType.Unreachable, IcmpType.TimeExceeded, IcmpType.Echo),
    type6: fc.constantFrom(
      Icmpv6Type.PacketTooBig,
      Icmpv6Type.PacketTooBig,
      Icmpv6Type.Unreachable,
      Icmpv6Type.Echo,
    ),
    ours: fc.constantFrom(true, true, true, true, false),
    cut: fc.integer({ min: 0, max: 80 }),
    whole: fc.boolean(),
  })
  .map(
    ({ ends: at, quoter, odd, service: index, other, type4, type6, ours: sameClient, cut, whole: all }) => {
      const v6 = isV6(index);
      const owner = other ?? natOwner(index);
      const client = addresses({ ...at, v6 }).source;
      const sent = buildPacket({
        ip: {
          ...ipFields({ ...at, v6 }, odd, 20),
          source: sameClient ? client : addresses({ ...quoter, v6 }).source,
          destination: endpointAddress(owner, v6),
        },
        tcp: { sourcePort: at.clientPort, destinationPort: endpointPort(index) },
      });
      const content = all ? sent : sent.subarray(0, cut);
      return buildPacket({
        ethernet: ours,
        ip: { source: endpointAddress(owner, v6), destination: client },
        icmp: { type: v6 ? type6 : type4, code: 0, mtu: 1_400 },
        payload: content,
      });
    },
  );

/** What an ICMP error quotes: a packet of the VIP to a client, perhaps cut. */
const quoted = fc
  .record({
    odd: oddities,
    ends,
    port: fc.constantFrom(...servicePorts),
    cut: fc.integer({ min: 0, max: 80 }),
    whole: fc.boolean(),
  })
  .map(({ odd, ends: at, port, cut, whole }) => (outer: Ends) => {
    const there = addresses({ ...at, v6: outer.v6, vip: at.vip === 0 ? outer.vip : at.vip });
    const ip = {
      ...ipFields({ ...at, v6: outer.v6 }, odd, 20),
      source: there.destination,
      destination: there.source,
    };
    const packet = buildPacket({ ip, tcp: { sourcePort: port, destinationPort: at.clientPort } });
    return whole ? packet : packet.subarray(0, cut);
  });

const icmp = fc
  .record({
    ethernet,
    ends,
    odd: oddities,
    type4: fc.constantFrom(
      IcmpType.Echo,
      IcmpType.Unreachable,
      IcmpType.Unreachable,
      IcmpType.TimeExceeded,
      IcmpType.ParameterProblem,
      IcmpType.Redirect,
      IcmpType.EchoReply,
    ),
    type6: fc.constantFrom(
      Icmpv6Type.Echo,
      Icmpv6Type.PacketTooBig,
      Icmpv6Type.PacketTooBig,
      Icmpv6Type.Unreachable,
      Icmpv6Type.TimeExceeded,
      Icmpv6Type.ParameterProblem,
      Icmpv6Type.NeighborSolicitation,
    ),
    code: fc.constantFrom(0, 0, 0, 4),
    mtu: u16,
    quoted,
    checksum: fc.option(fc.constantFrom(0, 0xffff, 0x1234), { nil: undefined, freq: 5 }),
  })
  .map(({ ethernet: link, ends: at, odd, type4, type6, code, mtu: size, quoted: quote, checksum }) => {
    const content = quote(at);
    return buildPacket({
      ethernet: link,
      ip: ipFields(at, odd, 8 + content.length),
      icmp: { type: at.v6 ? type6 : type4, code, mtu: size, ...(checksum === undefined ? {} : { checksum }) },
      payload: content,
    });
  });

const udpOrOther = fc
  .record({
    ethernet,
    ends,
    odd: oddities,
    protocol: fc.constantFrom(IpProtocol.Udp, IpProtocol.Esp, IpProtocol.Ipv4, 132),
  })
  .map(({ ethernet: link, ends: at, odd, protocol }) =>
    buildPacket({ ethernet: link, ip: { ...ipFields(at, odd, 8), protocol }, payload: bytesOf(8) }),
  );

const noise = fc
  .record({ head: fc.constantFrom('0800', '86dd', '0806', '88cc'), rest: fc.uint8Array({ maxLength: 90 }) })
  .map(({ head, rest }) =>
    Uint8Array.from([
      ...Buffer.from(ownMac.replaceAll(':', ''), 'hex'),
      2,
      0,
      0,
      0,
      0,
      1,
      ...Buffer.from(head, 'hex'),
      ...rest,
    ]),
  );

const whole = fc.oneof(
  { weight: 20, arbitrary: tcp },
  { weight: 4, arbitrary: icmp },
  { weight: 6, arbitrary: answer },
  { weight: 2, arbitrary: answerError },
  { weight: 1, arbitrary: udpOrOther },
  { weight: 1, arbitrary: noise },
);

/** A frame of at least an Ethernet header: as built, cut at any byte, padded, or with a byte changed. */
export const frame: fc.Arbitrary<Uint8Array> = fc
  .record({
    packet: whole,
    how: fc.oneof(
      { weight: 6, arbitrary: fc.constant('as built') },
      { weight: 1, arbitrary: fc.constantFrom('cut', 'padded', 'changed') },
    ),
    at: fc.integer({ min: 0, max: 120 }),
    value: fc.integer({ min: 0, max: 255 }),
  })
  .map(({ packet, how, at, value }) => {
    switch (how) {
      case 'cut':
        return packet.slice(0, Math.max(14, Math.min(packet.length, at)));
      case 'padded':
        return Uint8Array.from([...packet, ...bytesOf(at % 24)]);
      case 'changed': {
        const changed = packet.slice();
        if (at < changed.length) changed[at] = value;
        return changed;
      }
      default:
        return packet;
    }
  });
