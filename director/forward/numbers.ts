/**
 * Numbers that the model, the eBPF program and the control plane share. They lie in pinned maps: a changed
 * meaning is a new layout version.
 */

/** What becomes of a packet. */
export type Verdict = 'pass' | 'drop' | 'tx';

/** How packets reach a balancer. */
export const Mode = {
  /** Destination MAC rewritten; the balancer owns the VIP. */
  Dr: 1,
  /** Wrapped in another IP packet (RFC 2003, 2473, 4213). */
  Tun: 2,
  /**
   * Not at all: packets pass to the host's own stack, whose sockets proxy them. An entry of this mode names no balancer.
   * A service that is to leave `proxy` keeps its mode until the flows of its live sockets are confirmed for
   * `proxyOwner` (what begins meanwhile has an entry already); then its mode may change, and packets of those
   * sockets still reach them. Their owner disowns them when the sockets end. A service that is to become `proxy` needs a
   * listener first; flows of another mode stay with it.
   */
  Proxy: 3,
  /**
   * Destination rewritten to the balancer's endpoint, client address kept; the balancer answers through us, and what it
   * answers gets the VIP as its source again and goes to the MAC address the client's last packet came from.
   */
  Nat: 4,
} as const;
export type Mode = (typeof Mode)[keyof typeof Mode];

export const FlowState = {
  /** A SYN came. */
  Opening: 1,
  /** The client acknowledged something. */
  Established: 2,
  /**
   * FIN or RST came. Packets still follow the entry; a SYN begins anew when the entry is not confirmed, else follows it
   * until the owner disowns the flow.
   */
  Closing: 3,
} as const;
export type FlowState = (typeof FlowState)[keyof typeof FlowState];

export const BalancerState = {
  /** The index is free. */
  Absent: 0,
  Up: 1,
  /** Takes nothing new (the table holds no slot of it); keeps what it has. */
  Draining: 2,
  /** Silent, perhaps for a moment: treated like draining. */
  Down: 3,
  /** Gone: its flows are answered with RST. */
  Dead: 4,
} as const;
export type BalancerState = (typeof BalancerState)[keyof typeof BalancerState];

/**
 * Flows are dated in ticks of 2^24 ns (16.8 ms) of the monotonic clock, as 32 bits: they wrap after 2.3 years
 * and are compared modulo 2^32.
 */
export const tickShift = 24;

/** The tick of a time in nanoseconds. */
export function tickOf(nowNs: bigint): number {
  return Number(BigInt.asUintN(32, nowNs >> BigInt(tickShift)));
}

/** What a table's slot holds when no balancer is eligible; also the index no balancer has. */
export const noBalancer = 0xffff;

/** What the entries of proxied flows have in common. */
export const proxyOwner = { balancer: noBalancer, generation: 0, mode: Mode.Proxy } as const;

/** TTL and hop limit of packets we make ourselves. */
export const ownTtl = 64;

/** TCP flags by which a packet is told to begin a connection: SYN and none of the others. */
export const beginMask = 0x17;
export const beginFlags = 0x02;
