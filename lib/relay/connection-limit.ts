/** A relayed connection holds two: the client's and the destination's. */
const descriptorsPerConnection = 2;

/**
 * Descriptors kept for everything else in a process: the event loop's own (about 20), listeners, logs, control
 * connections, probes, files opened for a moment.
 */
export const defaultDescriptorReserve = 128;

/**
 * The most connections a relay may carry where `nofileLimit` descriptors may be open (RLIMIT_NOFILE, soft), of which
 * `reserve` are for others. At least 1, so that a tiny limit shows itself by counted refusals, not by a dead relay.
 */
export function connectionLimit(nofileLimit: number, reserve: number = defaultDescriptorReserve): number {
  const usable = Math.min(nofileLimit, Number.MAX_SAFE_INTEGER) - reserve;
  return Math.max(1, Math.floor(usable / descriptorsPerConnection));
}
