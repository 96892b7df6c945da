import { be16, be32, bytes, layout, u8 } from '../layout/index.ts';

/** Layouts of the headers, as they lie in a packet, and the numbers in them. Addresses are raw bytes. */

export const ethernetLayout = layout(
  'ethernet',
  { destination: bytes(6), source: bytes(6), etherType: be16 },
  { size: 14 },
);

/** IEEE 802.1Q: priority (3 bits), drop eligible (1), VLAN id (12), then the type of what follows. */
export const vlanLayout = layout('vlan', { control: be16, etherType: be16 }, { size: 4 });

/** RFC 826, for Ethernet and IPv4. */
export const arpLayout = layout(
  'arp',
  {
    hardwareType: be16,
    protocolType: be16,
    hardwareBytes: u8,
    protocolBytes: u8,
    operation: be16,
    senderMac: bytes(6),
    senderIp: bytes(4),
    targetMac: bytes(6),
    targetIp: bytes(4),
  },
  { size: 28 },
);

/** RFC 791 3.1, without options. */
export const ipv4Layout = layout(
  'ipv4',
  {
    versionAndLength: u8,
    tos: u8,
    totalLength: be16,
    id: be16,
    flagsAndFragment: be16,
    ttl: u8,
    protocol: u8,
    checksum: be16,
    source: bytes(4),
    destination: bytes(4),
  },
  { size: 20 },
);

/** RFC 8200 3. */
export const ipv6Layout = layout(
  'ipv6',
  {
    versionClassLabel: be32,
    payloadLength: be16,
    nextHeader: u8,
    hopLimit: u8,
    source: bytes(16),
    destination: bytes(16),
  },
  { size: 40 },
);

/** RFC 8200 4.5. */
export const ipv6FragmentLayout = layout(
  'ipv6_fragment',
  { nextHeader: u8, reserved: u8, offsetAndFlags: be16, id: be32 },
  { size: 8 },
);

/** RFC 9293 3.1, without options. */
export const tcpLayout = layout(
  'tcp',
  {
    sourcePort: be16,
    destinationPort: be16,
    sequence: be32,
    acknowledgment: be32,
    lengthAndReserved: u8,
    flags: u8,
    window: be16,
    checksum: be16,
    urgent: be16,
  },
  { size: 20 },
);

/** RFC 768. */
export const udpLayout = layout(
  'udp',
  { sourcePort: be16, destinationPort: be16, length: be16, checksum: be16 },
  { size: 8 },
);

/** RFC 792 and RFC 4443: `first` and `second` are identifier and sequence of an echo, or unused and MTU. */
export const icmpLayout = layout(
  'icmp',
  { type: u8, code: u8, checksum: be16, first: be16, second: be16 },
  { size: 8 },
);

export const EtherType = {
  Ipv4: 0x0800,
  Arp: 0x0806,
  Vlan: 0x8100,
  ServiceVlan: 0x88a8,
  Ipv6: 0x86dd,
} as const;

/** Protocol and next-header numbers (IANA). */
export const IpProtocol = {
  HopByHop: 0,
  Icmp: 1,
  Ipv4: 4,
  Tcp: 6,
  Udp: 17,
  Ipv6: 41,
  Routing: 43,
  Fragment: 44,
  Esp: 50,
  Authentication: 51,
  Icmpv6: 58,
  NoNext: 59,
  DestinationOptions: 60,
  Mobility: 135,
} as const;

export const TcpFlag = {
  Fin: 0x01,
  Syn: 0x02,
  Rst: 0x04,
  Psh: 0x08,
  Ack: 0x10,
  Urg: 0x20,
  Ece: 0x40,
  Cwr: 0x80,
} as const;

export const TcpOptionKind = {
  End: 0,
  NoOperation: 1,
  MaximumSegmentSize: 2,
  WindowScale: 3,
  SackPermitted: 4,
  Sack: 5,
  Timestamps: 8,
} as const;

export const IcmpType = {
  EchoReply: 0,
  Unreachable: 3,
  SourceQuench: 4,
  Redirect: 5,
  Echo: 8,
  TimeExceeded: 11,
  ParameterProblem: 12,
} as const;

export const Icmpv6Type = {
  Unreachable: 1,
  PacketTooBig: 2,
  TimeExceeded: 3,
  ParameterProblem: 4,
  Echo: 128,
  EchoReply: 129,
  NeighborSolicitation: 135,
  NeighborAdvertisement: 136,
} as const;
