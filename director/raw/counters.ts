/** What the raw plane counts besides what forward() says. Each packet is in one of forward()'s or one of these. */
export const rawCounterNames = [
  // Expected in production.
  /** Packets from balancers to clients. */
  'answers',
  /** Super-packets cut to fit the way. */
  'resegmented',
  /** Packets for a port of ours that is no flow's (any more), answered with RST. A few after each end. */
  'resetUnknown',
  /** Packets of connections that the proxy still has, after a change from `proxy`; the kernel takes them. */
  'passProxied',
  // Not expected, or only in small numbers.
  /** Packets whose checksum is wrong. */
  'dropChecksum',
  /** Packets that are not whole TCP packets. */
  'dropMalformed',
  /** Packets to a port of ours from somebody who is no balancer. */
  'dropForeign',
  /** Packets of clients whose flow is not known, answered with RST: after a restart of the director, and from attackers. */
  'resetStray',
  /** SYNs refused because no source port was left towards their balancer. */
  'refusedPorts',
  /** SYNs refused because the table of confirmed flows was full. */
  'refusedFull',
  /** Established flows that stay evictable because the table of confirmed flows is full. */
  'confirmFull',
  /** Packets that could not be sent. */
  'unsent',
] as const;

export type RawCounter = (typeof rawCounterNames)[number];
