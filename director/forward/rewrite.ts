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
import { ipAt } from './classify.ts';
import { Mode, ownTtl } from './numbers.ts';
import { replyTo, type Answered } from './reply.ts';
import type { ForwardBalancer, ForwardConfig } from './state.ts';

export type Rewritten =
  /** To be sent. */
  | { readonly kind: 'packet'; readonly packet: Uint8Array }
  /** The answer to be sent instead. */
  | { readonly kind: 'tooBig'; readonly packet: Uint8Array }
  /** The next hop or the mode is not known. */
  | { readonly kind: 'impossible' };

/** A packet to be rewritten. */
export interface Passenger extends Answered {
  readonly family: 4 | 6;
  readonly ipLength: number;
}

/** The frame on its way to a balancer. */
export function rewrite(
  frame: Uint8Array,
  packet: Passenger,
  mode: Mode,
  balancer: ForwardBalancer,
  config: ForwardConfig,
): Rewritten {
  if (balancer.mac.every((byte) => byte === 0)) return { kind: 'impossible' };
  if (mode === Mode.Dr) return { kind: 'packet', packet: relabel(frame, balancer, config) };
  if (mode !== Mode.Tun) return { kind: 'impossible' };
  const outerBytes = balancer.address.length === 4 ? ipv4Layout.size : ipv6Layout.size;
  if (packet.ipLength + outerBytes > config.mtu) return tooBig(frame, packet, config.mtu - outerBytes);
  return { kind: 'packet', packet: relabel(wrap(frame, packet, balancer, config), balancer, config) };
}

/** From us to the balancer's MAC address. */
function relabel(frame: Uint8Array, balancer: ForwardBalancer, config: ForwardConfig): Uint8Array {
  const packet = frame.slice();
  ethernetLayout.write(packet, { destination: balancer.mac, source: config.ownMac });
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
