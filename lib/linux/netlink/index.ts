/**
 * A typed door to rtnetlink (man 7 rtnetlink, RFC 3549): interfaces, addresses, neighbours and routes of the network
 * namespace this process is in; asking is one local call, changes come as events on a descriptor that Node's event loop
 * watches. Knows nothing of load balancing. Asking needs no privileges; changing needs CAP_NET_ADMIN.
 */
export { Netlink } from './netlink.ts';
export { NetlinkWatch, type NetlinkEvent, type NetlinkTopic } from './watch.ts';
export { NextHops, systemNextHopSource, type NextHop, type NextHopsOptions } from './next-hops.ts';
export type { NextHopSource } from './next-hops.ts';
export type {
  InterfaceAddress,
  Neighbour,
  NeighbourState,
  NetworkInterface,
  Route,
  RouteKind,
} from './types.ts';
