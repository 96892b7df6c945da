/** One chat server's claim that a person is logged in there. Names are unique in the cluster: the best claim has it. */
export interface Claim {
  readonly name: string;
  /** The chat server's name in the topology. */
  readonly server: string;
  /** The process that holds the connection: its incarnation. */
  readonly origin: string;
  /** Proof of being the same client after a reconnect; known to servers only. */
  readonly session: string;
  /** Wall-clock milliseconds when this session first claimed the name. */
  readonly sinceMs: number;
  /** Wall-clock milliseconds of this claim; grows when the same session takes over its own name. */
  readonly renewedMs: number;
}

/**
 * Whether `one` wins the name against `other`. A total order, the same on every chat server: the older session
 * wins, and within one session the newer connection, so that a client that reconnects is not shut out by its own
 * ghost. Ties are decided by text, for the sake of an answer.
 */
export function beats(one: Claim, other: Claim): boolean {
  if (one.sinceMs !== other.sinceMs) return one.sinceMs < other.sinceMs;
  if (one.session !== other.session) return one.session < other.session;
  if (one.renewedMs !== other.renewedMs) return one.renewedMs > other.renewedMs;
  if (one.server !== other.server) return one.server < other.server;
  return one.origin < other.origin;
}
