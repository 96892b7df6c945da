/** What rtnetlink tells, as plain data. IP addresses are canonical text, MAC addresses `02:00:00:00:00:01`. */

export interface NetworkInterface {
  /** The number by which the kernel knows it; unique in a network namespace. */
  readonly index: number;
  readonly name: string;
  /** Its Ethernet address; undefined where the interface has none (a tunnel). */
  readonly mac: string | undefined;
  /** Bytes of the largest IP packet. */
  readonly mtu: number;
  readonly loopback: boolean;
  /** Administratively up (IFF_UP). */
  readonly up: boolean;
  /** Has a carrier (IFF_LOWER_UP). */
  readonly carrier: boolean;
  /** Resolves neighbours (not IFF_NOARP). */
  readonly resolves: boolean;
  /** `veth`, `bridge`, `vlan`, …; undefined for hardware and loopback. */
  readonly kind: string | undefined;
}

export interface InterfaceAddress {
  readonly ifindex: number;
  readonly address: string;
  /** Bits of the network. */
  readonly prefixLength: number;
}

/** NUD_* of include/uapi/linux/neighbour.h, in the kernel's words. */
export type NeighbourState =
  'none' | 'incomplete' | 'reachable' | 'stale' | 'delay' | 'probe' | 'failed' | 'noarp' | 'permanent';

export interface Neighbour {
  readonly ifindex: number;
  readonly address: string;
  /** Undefined while nobody has answered. */
  readonly mac: string | undefined;
  readonly state: NeighbourState;
}

/** Where packets to an address go; `other` is a kind that delivers to nobody. */
export type RouteKind = 'unicast' | 'local' | 'broadcast' | 'multicast' | 'other';

export interface Route {
  readonly kind: RouteKind;
  /** Of the interface that the packets leave through. */
  readonly ifindex: number;
  /** Undefined when the destination is on the link itself. */
  readonly gateway: string | undefined;
  /** The source address that the kernel would choose. */
  readonly source: string | undefined;
  /** Bytes of the largest packet; undefined: the interface's. */
  readonly mtu: number | undefined;
}
