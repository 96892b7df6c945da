/**
 * Whose a frame is, by the first bytes of its headers. Rules, in this order:
 *
 * 1. Frames to another MAC address and anything but IPv4 and IPv6 pass; VLAN tags too, counted.
 * 2. A cut off or unknown IP header passes: the kernel drops it itself.
 * 3. What is not for one of our VIPs passes, and so does what is neither TCP nor ICMP. TCP from an endpoint of a
 *    balancer (nat) is told by its source, so it passes with IP options and in fragments; wrong lengths are dropped.
 * 4. TCP and ICMP for a VIP with IP options or extension headers, fragmented, cut off or with wrong lengths is
 *    dropped. (A fragment has no ports, so this holds for all ports of the VIP.)
 */
import {
  EtherType,
  ethernetLayout,
  icmpLayout,
  IpProtocol,
  ipv4Layout,
  ipv6Layout,
  tcpLayout,
} from '../../lib/packet/index.ts';
import { drop, pass, type Outcome } from './outcome.ts';
import {
  keyText,
  serviceKey,
  type ForwardEndpoint,
  type ForwardService,
  type ForwardState,
} from './state.ts';

/** Where the IP header begins. */
export const ipAt = ethernetLayout.size;

/** What is known of a packet for a VIP; offsets in the frame, lengths in bytes. */
interface Common {
  readonly family: 4 | 6;
  /** 4 or 16 bytes. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** Of the IP packet, header included. */
  readonly ipLength: number;
  /** Where TCP or ICMP begins. */
  readonly at: number;
  /** Bytes of the longest IP packet this is on the wire: shorter than `ipLength` when the frame will be cut. */
  readonly longest: number;
}

export interface Segment extends Common {
  readonly kind: 'tcp';
  readonly service: ForwardService;
}

export interface IcmpMessage extends Common {
  readonly kind: 'icmp';
  /** Whether it is for a VIP; else it may be about a connection of a client to an endpoint. */
  readonly forVip: boolean;
}

/** A segment from an endpoint of a balancer. */
export interface Answer extends Common {
  readonly kind: 'answer';
  readonly endpoint: ForwardEndpoint;
}

export type Classified =
  Segment | IcmpMessage | Answer | { readonly kind: 'done'; readonly outcome: Outcome };

/** Next headers that hide the transport header from us, without Fragment. */
const extensions: readonly number[] = [
  IpProtocol.HopByHop,
  IpProtocol.Routing,
  IpProtocol.Authentication,
  IpProtocol.DestinationOptions,
  IpProtocol.Mobility,
];

interface Header extends Omit<Common, 'family' | 'longest'> {
  readonly family: 4 | 6;
  readonly protocol: number;
  readonly options: boolean;
  readonly fragment: boolean;
}

/** Reads the headers of a frame as far as their lengths can be trusted. */
export function classify(frame: Uint8Array, state: ForwardState, segmentBytes: number): Classified {
  const done = (outcome: Outcome): Classified => ({ kind: 'done', outcome });
  if (frame.length < ipAt) return done(pass(frame, 'passOther'));
  const { destination: mac, etherType } = ethernetLayout.read(frame);
  if (keyText(mac) !== keyText(state.config.ownMac)) return done(pass(frame, 'passOther'));
  if (etherType === EtherType.Vlan || etherType === EtherType.ServiceVlan)
    return done(pass(frame, 'passVlan'));
  if (etherType !== EtherType.Ipv4 && etherType !== EtherType.Ipv6) return done(pass(frame, 'passOther'));
  const header = etherType === EtherType.Ipv4 ? readIpv4(frame) : readIpv6(frame);
  if (header === undefined) return done(pass(frame, 'passMalformed'));
  return judge(frame, header, state) ?? whole(frame, header, state, segmentBytes);
}

function readIpv4(frame: Uint8Array): Header | undefined {
  if (frame.length < ipAt + ipv4Layout.size) return undefined;
  const ip = ipv4Layout.read(frame, ipAt);
  const headerBytes = (ip.versionAndLength & 0xf) * 4;
  if (ip.versionAndLength >> 4 !== 4 || headerBytes < ipv4Layout.size) return undefined;
  return {
    family: 4,
    source: ip.source,
    destination: ip.destination,
    ipLength: ip.totalLength,
    at: ipAt + ipv4Layout.size,
    protocol: ip.protocol,
    options: headerBytes > ipv4Layout.size,
    fragment: (ip.flagsAndFragment & 0x3fff) !== 0,
  };
}

function readIpv6(frame: Uint8Array): Header | undefined {
  if (frame.length < ipAt + ipv6Layout.size) return undefined;
  const ip = ipv6Layout.read(frame, ipAt);
  if (ip.versionClassLabel >>> 28 !== 6) return undefined;
  const options = extensions.includes(ip.nextHeader);
  const fragment = ip.nextHeader === IpProtocol.Fragment;
  return {
    family: 6,
    source: ip.source,
    destination: ip.destination,
    ipLength: ipv6Layout.size + ip.payloadLength,
    at: ipAt + ipv6Layout.size,
    // What they hide may be TCP: it is not looked for.
    protocol: options || fragment ? IpProtocol.Tcp : ip.nextHeader,
    options,
    fragment,
  };
}

function judge(frame: Uint8Array, header: Header, state: ForwardState): Classified | undefined {
  const icmp = header.family === 4 ? IpProtocol.Icmp : IpProtocol.Icmpv6;
  const { protocol } = header;
  const done = (outcome: Outcome): Classified => ({ kind: 'done', outcome });
  if (protocol !== IpProtocol.Tcp && protocol !== icmp) return done(pass(frame, 'passOther'));
  const bytes = protocol === icmp ? icmpLayout.size : tcpLayout.size;
  const short = frame.length < header.at + bytes;
  const fine = !header.options && !header.fragment && !short;
  if (fine && protocol === IpProtocol.Tcp) return undefined;
  if (!isVip(header.destination, state)) return fine ? undefined : done(pass(frame, 'passOther'));
  if (header.options) return done(drop(frame, 'dropOptions'));
  if (header.fragment) return done(drop(frame, 'dropFragment'));
  return short ? done(drop(frame, 'dropMalformed')) : undefined;
}

function isVip(address: Uint8Array, state: ForwardState): boolean {
  return state.vips.has(keyText(serviceKey(address, 0)));
}

function whole(frame: Uint8Array, header: Header, state: ForwardState, segmentBytes: number): Classified {
  const { family, source, destination, ipLength, at } = header;
  const common = { family, source, destination, ipLength, at, longest: ipLength };
  const done = (outcome: Outcome): Classified => ({ kind: 'done', outcome });
  const tooLong = ipAt + ipLength > frame.length;
  if (header.protocol !== IpProtocol.Tcp) {
    const forVip = isVip(destination, state);
    if (!tooLong && ipAt + ipLength >= at + icmpLayout.size) return { kind: 'icmp', forVip, ...common };
    return done(forVip ? drop(frame, 'dropMalformed') : pass(frame, 'passOther'));
  }
  const tcp = tcpLayout.read(frame, at);
  const service = state.services.get(keyText(serviceKey(destination, tcp.destinationPort)));
  const endpoint = state.origins.get(keyText(serviceKey(source, tcp.sourcePort)));
  if (service === undefined && endpoint === undefined) return done(pass(frame, 'passOther'));
  const tcpBytes = (tcp.lengthAndReserved >> 4) * 4;
  if (tooLong || tcpBytes < tcpLayout.size || ipAt + ipLength < at + tcpBytes)
    return done(drop(frame, 'dropMalformed'));
  const longest = segmentBytes === 0 ? ipLength : at - ipAt + tcpBytes + segmentBytes;
  if (service !== undefined) return { kind: 'tcp', service, ...common, longest };
  return endpoint === undefined ? done(pass(frame, 'passOther')) : { kind: 'answer', endpoint, ...common };
}
