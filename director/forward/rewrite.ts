import {
  encapsulate,
  EtherType,
  ethernetLayout,
  IcmpType,
  Icmpv6Type,
  ipv4Layout,
  ipv6Layout,
  tcpLayout,
} from '../../lib/packet/index.ts';
import { ipAt, type IcmpMessage, type Segment } from './classify.ts';
import { translateError, translateSegment } from './nat.ts';
import { Mode, ownTtl } from './numbers.ts';
import type { Picked } from './pick.ts';
import { replyTo } from './reply.ts';
import {
  endpointKey,
  keyText,
  type ForwardBalancer,
  type ForwardConfig,
  type ForwardState,
} from './state.ts';

export type Rewritten =
  /** To be sent. */
  | { readonly kind: 'packet'; readonly packet: Uint8Array }
  /** The answer to be sent instead. */
  | { readonly kind: 'tooBig'; readonly packet: Uint8Array }
  /** The next hop or the mode is not known. */
  | { readonly kind: 'impossible' };

/** A packet to be rewritten. */
export type Passenger = Segment | IcmpMessage;

/** The frame on its way to a balancer, for the service with index `service`. */
export function rewrite(
  frame: Uint8Array,
  packet: Passenger,
  mode: Mode,
  service: number,
  { index, balancer }: Picked,
  state: ForwardState,
): Rewritten {
  const { config } = state;
  if (isNoMac(balancer.mac)) return { kind: 'impossible' };
  if (mode === Mode.Dr) return { kind: 'packet', packet: relabel(frame, balancer.mac, config) };
  if (mode === Mode.Nat) {
    const to = state.endpoints.get(keyText(endpointKey(service, index)));
    if (to === undefined || to.address.length !== packet.source.length) return { kind: 'impossible' };
    const translate = packet.kind === 'tcp' ? translateSegment : translateError;
    const translated = translate(frame, packet, 'destination', to);
    return { kind: 'packet', packet: relabel(translated, balancer.mac, config) };
  }
  if (mode !== Mode.Tun) return { kind: 'impossible' };
  const outerBytes = balancer.address.length === 4 ? ipv4Layout.size : ipv6Layout.size;
  if (packet.longest + outerBytes > config.mtu) return tooBig(frame, packet, config.mtu - outerBytes);
  // Uncut, its length would not fit the outer header.
  if (packet.ipLength + outerBytes > 0xffff) return { kind: 'impossible' };
  return { kind: 'packet', packet: relabel(wrap(frame, packet, balancer, config), balancer.mac, config) };
}

/** Whether a MAC address is not known. */
export function isNoMac(mac: Uint8Array): boolean {
  return mac.every((byte) => byte === 0);
}

/** From us to a MAC address. */
export function relabel(frame: Uint8Array, mac: Uint8Array, config: ForwardConfig): Uint8Array {
  const packet = frame.slice();
  ethernetLayout.write(packet, { destination: mac, source: config.ownMac });
  return packet;
}

/** Bytes behind the IP packet (padding of short frames) stay where they are. */
function wrap(
  frame: Uint8Array,
  packet: Passenger,
  balancer: ForwardBalancer,
  config: ForwardConfig,
): Uint8Array {
  const end = ipAt + packet.ipLength;
  const v4 = balancer.address.length === 4;
  const tunnel = encapsulate(frame.subarray(ipAt, end), {
    source: v4 ? config.tunnelSource4 : config.tunnelSource6,
    destination: balancer.address,
    ttl: ownTtl,
    tos: packet.family === 4 ? ipv4Layout.get(frame, 'tos', ipAt) : trafficClass(frame),
    dontFragment: true,
  });
  const wrapped = Uint8Array.from([...frame.subarray(0, ipAt), ...tunnel, ...frame.subarray(end)]);
  ethernetLayout.set(wrapped, 'etherType', v4 ? EtherType.Ipv4 : EtherType.Ipv6);
  return wrapped;
}

function trafficClass(frame: Uint8Array): number {
  return (ipv6Layout.get(frame, 'versionClassLabel', ipAt) >>> 20) & 0xff;
}

/**
 * "Fragmentation needed" (RFC 1191) or "packet too big" (RFC 8201), also to those that did not forbid
 * fragmenting: nobody fragments here. Quotes the IP header and the first 20 bytes of its payload.
 */
function tooBig(frame: Uint8Array, packet: Passenger, mtu: number): Rewritten {
  const icmp =
    packet.family === 4
      ? { type: IcmpType.Unreachable, code: 4, mtu }
      : { type: Icmpv6Type.PacketTooBig, mtu };
  const headerBytes = packet.family === 4 ? ipv4Layout.size : ipv6Layout.size;
  const payload = frame.slice(ipAt, ipAt + headerBytes + tcpLayout.size);
  return { kind: 'tooBig', packet: replyTo(frame, packet, { icmp, payload }) };
}
