/**
 * Why a packet went where it went: one per packet, of these or of the service's. Each is a per-CPU sum in the
 * kernel, in this order: another one is another layout version.
 */

/** Packets on their way to a balancer or back, per service. All expected in production. */
export const forwardCounters = [
  /** Followed an entry of the flow table. */
  'forwardHit',
  /** A SYN that made an entry. */
  'forwardNew',
  /** Neither entry nor SYN: followed the Maglev table and made an evictable entry. */
  'forwardStray',
  /** An ICMP error about a flow. */
  'forwardIcmp',
  /** Of a balancer on its way back to a client, errors included (nat). */
  'forwardAnswer',
] as const;

export type ForwardCounter = (typeof forwardCounters)[number];

/** Index of a forward counter among those of a service. */
export function forwardCounterIndex(counter: ForwardCounter): number {
  return forwardCounters.indexOf(counter);
}

/** All others, of the whole plane. */
export const counterNames = [
  // Expected in production.
  /** Not for us, or not for a service of ours: untouched. */
  'passOther',
  /** Carries a VLAN tag: untouched, the kernel unwraps it. */
  'passVlan',
  /** Of a proxied flow: to the host's own stack. */
  'passProxy',
  /** From an endpoint of a balancer (nat), but of no flow: of another client of it, or of a lost one. Untouched. */
  'passNoFlow',
  /** An ICMP echo to a VIP, answered. */
  'echo',
  /** Too big for the tunnel: answered with ICMP. */
  'tooBig',
  // Not expected, or only in small numbers.
  /** The IP header is cut off or of an unknown version, so nobody can say whose it is: untouched. */
  'passMalformed',
  /** For a VIP, but cut off or of lengths that contradict each other. */
  'dropMalformed',
  /** TCP or ICMP for a VIP with IP options or IPv6 extension headers. */
  'dropOptions',
  /** A fragment of TCP or ICMP for a VIP: only the first one has ports. */
  'dropFragment',
  /** A SYN without an eligible balancer, answered with RST. */
  'resetNoBalancer',
  /** A SYN without an entry while nothing new is taken, answered with RST. */
  'resetFull',
  /** Neither entry, nor SYN, nor an eligible balancer. */
  'dropNoBalancer',
  /** A packet of a dead balancer's flow, answered with RST. */
  'resetDead',
  /** A RST, an ICMP error or an answer of a dead balancer's flow. */
  'dropDead',
  /** The service's, the balancer's or the flow's entry cannot be carried out, or there was no room to do it. */
  'dropInternal',
  /** The flow table took no entry; the packet was forwarded. Counted beside the packet's own counter. */
  'flowLost',
] as const;

export type PlaneCounter = (typeof counterNames)[number];
export type Counter = ForwardCounter | PlaneCounter;

/** Index of a plane counter. */
export function counterIndex(counter: PlaneCounter): number {
  return counterNames.indexOf(counter);
}
