/** What the kernel's messages say. Each answers undefined for what it cannot read or nobody here wants; never throws. */
import { AF_INET, AF_INET6 } from '../constants.ts';
import { addressText, macText } from './addresses.ts';
import * as constant from './constants.ts';
import { addressLayout, linkLayout, neighbourLayout, routeLayout } from './layouts.ts';
import { decodeAttributes, textOf, u32Of } from './message.ts';
import type {
  InterfaceAddress,
  Neighbour,
  NeighbourState,
  NetworkInterface,
  Route,
  RouteKind,
} from './types.ts';

/** struct ifinfomsg, then IFLA_*. */
export function decodeLink(payload: Uint8Array): NetworkInterface | undefined {
  if (payload.length < linkLayout.size) return undefined;
  const { family, index, flags } = linkLayout.read(payload);
  const attributes = decodeAttributes(payload, linkLayout.size);
  const name = textOf(attributes?.get(constant.IFLA_IFNAME));
  const mtu = u32Of(attributes?.get(constant.IFLA_MTU));
  // Ports of bridges are told again with their bridge's family.
  if (family !== 0 || attributes === undefined || name === undefined || mtu === undefined) return undefined;
  const info = attributes.get(constant.IFLA_LINKINFO);
  const kind = info === undefined ? undefined : decodeAttributes(info)?.get(constant.IFLA_INFO_KIND);
  return {
    index,
    name,
    mac: macText(attributes.get(constant.IFLA_ADDRESS)),
    mtu,
    loopback: (flags & constant.IFF_LOOPBACK) !== 0,
    up: (flags & constant.IFF_UP) !== 0,
    carrier: (flags & constant.IFF_LOWER_UP) !== 0,
    resolves: (flags & constant.IFF_NOARP) === 0,
    kind: textOf(kind),
  };
}

/** struct ifaddrmsg, then IFA_*. */
export function decodeAddress(payload: Uint8Array): InterfaceAddress | undefined {
  if (payload.length < addressLayout.size) return undefined;
  const { family, prefixLength, index } = addressLayout.read(payload);
  const attributes = decodeAttributes(payload, addressLayout.size);
  // On point-to-point links IFA_ADDRESS is the other end's.
  const bytes = attributes?.get(constant.IFA_LOCAL) ?? attributes?.get(constant.IFA_ADDRESS);
  const address = ofFamily(family, bytes);
  return address === undefined ? undefined : { ifindex: index, address, prefixLength };
}

/** NUD_*; an entry has one of them. */
const states: Readonly<Record<number, NeighbourState>> = {
  0x00: 'none',
  0x01: 'incomplete',
  0x02: 'reachable',
  0x04: 'stale',
  0x08: 'delay',
  0x10: 'probe',
  0x20: 'failed',
  0x40: 'noarp',
  0x80: 'permanent',
};

/** struct ndmsg, then NDA_*. */
export function decodeNeighbour(payload: Uint8Array): Neighbour | undefined {
  if (payload.length < neighbourLayout.size) return undefined;
  const { family, index, state } = neighbourLayout.read(payload);
  const attributes = decodeAttributes(payload, neighbourLayout.size);
  const address = ofFamily(family, attributes?.get(constant.NDA_DST));
  const word = states[state];
  if (address === undefined || word === undefined) return undefined;
  // What was learnt once is told even of entries that failed since.
  const mac = word === 'none' || word === 'incomplete' ? undefined : attributes?.get(constant.NDA_LLADDR);
  return { ifindex: index, address, mac: macText(mac), state: word };
}

const routeKinds: Readonly<Record<number, RouteKind>> = {
  [constant.RTN_UNICAST]: 'unicast',
  [constant.RTN_LOCAL]: 'local',
  [constant.RTN_BROADCAST]: 'broadcast',
  [constant.RTN_MULTICAST]: 'multicast',
};

/** struct rtmsg, then RTA_*: the answer to a lookup. */
export function decodeRoute(payload: Uint8Array): Route | undefined {
  if (payload.length < routeLayout.size) return undefined;
  const { family, type } = routeLayout.read(payload);
  const attributes = decodeAttributes(payload, routeLayout.size);
  const ifindex = u32Of(attributes?.get(constant.RTA_OIF));
  if (attributes === undefined || ifindex === undefined) return undefined;
  const metrics = attributes.get(constant.RTA_METRICS);
  const mtu = metrics === undefined ? undefined : u32Of(decodeAttributes(metrics)?.get(constant.RTAX_MTU));
  return {
    kind: routeKinds[type] ?? 'other',
    ifindex,
    gateway:
      ofFamily(family, attributes.get(constant.RTA_GATEWAY)) ?? viaText(attributes.get(constant.RTA_VIA)),
    source: ofFamily(family, attributes.get(constant.RTA_PREFSRC)),
    mtu: mtu === 0 ? undefined : mtu,
  };
}

/** struct rtvia: a gateway of another family than the route (IPv4 through IPv6, RFC 8950). */
function viaText(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined || bytes.length < 2) return undefined;
  return ofFamily(bytes[0]! | (bytes[1]! << 8), bytes.subarray(2));
}

function ofFamily(family: number, bytes: Uint8Array | undefined): string | undefined {
  const length = family === AF_INET ? 4 : family === AF_INET6 ? 16 : undefined;
  return bytes?.length === length ? addressText(bytes) : undefined;
}
