/** What the plane has to know of the network; the kernel's answers come from lib/linux/netlink. */

/** The interface that packets come in at and leave by. */
export interface Wire {
  readonly ifindex: number;
  readonly name: string;
  readonly mac: string;
  /** Bytes of the largest IP packet. */
  readonly mtu: number;
  /** Whether it is hardware, or as good: a program may run in its driver. Pairs of virtual ends lose packets then. */
  readonly native: boolean;
}

/** The way to an address. */
export interface Way {
  readonly ifindex: number;
  /** Whether the address is on the interface's own link, without a router. */
  readonly direct: boolean;
  /** Whether the address is this host's own. */
  readonly local: boolean;
  /** The last one known; undefined while nobody has ever answered. */
  readonly mac: string | undefined;
  /** The source address that the kernel would choose. */
  readonly source: string | undefined;
}

/** Ways to a set of addresses, kept current by somebody. */
export interface Ways {
  /** The addresses wanted from now on. */
  set(addresses: Iterable<string>): void;
  /** Undefined when there is no route, or nobody wanted this address. */
  get(address: string): Way | undefined;
  close(): void;
}
