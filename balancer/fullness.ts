/** A full worker has room again once it is below this share of its limit. */
const roomShare = 0.95;

/**
 * Whether a worker is full: from its limit on, until it is 5 % below. Without the gap a balancer at its limit would
 * tell the directors something else with every connection.
 */
export function isFull(wasFull: boolean, connections: number, limit: number): boolean {
  return connections >= limit || (wasFull && connections > Math.floor(limit * roomShare));
}
