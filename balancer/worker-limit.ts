/**
 * Most connections of one worker: its share of the node's limit, as far as its descriptors carry. At least one, or the
 * node would listen and refuse everybody.
 */
export function workerLimit(
  maxConnections: number | undefined,
  workers: number,
  descriptorLimit: number,
): number {
  const share = maxConnections === undefined ? Infinity : Math.floor(maxConnections / workers);
  return Math.max(1, Math.min(share, descriptorLimit));
}
