/**
 * Packet headers: Ethernet with VLAN tags, ARP, IPv4, IPv6, TCP, UDP, ICMP and ICMPv6; their layouts, parsing
 * that never throws, building, checksums, tunnels, and one line for people. All pure; offsets and lengths are
 * in bytes. Knows lib/errors, lib/address and lib/layout only.
 */
export {
  arpLayout,
  EtherType,
  ethernetLayout,
  icmpLayout,
  IcmpType,
  Icmpv6Type,
  IpProtocol,
  ipv4Layout,
  ipv6FragmentLayout,
  ipv6Layout,
  TcpFlag,
  TcpOptionKind,
  tcpLayout,
  udpLayout,
  vlanLayout,
} from './layouts.ts';
export { formatIp, formatMac, macBytes, ipBytes, type IpLike, type MacLike } from './addresses.ts';
export {
  checksum,
  fold,
  pseudoHeaderSum,
  sumWords,
  transportChecksum,
  updateChecksum,
  type IpAddresses,
} from './checksum.ts';
export { isMalformed, type Malformed } from './malformed.ts';
export { parseArp, type Arp } from './arp.ts';
export { parseEthernet, type Ethernet, type VlanTag } from './ethernet.ts';
export { parseIpv4, type Ipv4 } from './ipv4.ts';
export { parseIpv6, type Ipv6, type Ipv6Extension } from './ipv6.ts';
export { parseTcp, parseTcpOptions, type Tcp, type TcpOption } from './tcp.ts';
export { parseUdp, type Udp } from './udp.ts';
export type { Icmp } from './icmp.ts';
export { parseFrame, parseIp, type Frame, type IpPacket, type Ports, type Transport } from './parse.ts';
export { buildArp, buildEthernet, type ArpFields, type EthernetFields } from './build-link.ts';
export { buildIp, type IpFields, type Ipv4Fields, type Ipv6Fields } from './build-ip.ts';
export {
  buildIcmp,
  buildTcp,
  buildUdp,
  type ChecksumChoice,
  type IcmpFields,
  type TcpFields,
  type UdpFields,
} from './build-transport.ts';
export { buildPacket, type PacketFields } from './build.ts';
export { judgeTcpChecksum, locateTcp, segmentTcp, type TcpPacket } from './segment.ts';
export { decapsulate, encapsulate, type OuterFields } from './tunnel.ts';
export { describeFrame, describeIp } from './describe.ts';
