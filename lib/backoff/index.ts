/** Exponential back-off with jitter. Pure: the caller counts attempts and owns the random numbers. */

export interface BackoffSettings {
  /** Longest delay before the first retry. */
  readonly firstMs: number;
  /** Longest delay of all. */
  readonly mostMs: number;
}

/**
 * Milliseconds to wait before retry number `attempt` (0 is the first): between half and all of
 * `firstMs * 2^attempt`, capped at `mostMs`. `random` is in [0, 1); spreading keeps many from retrying together.
 */
export function backoffMs(attempt: number, { firstMs, mostMs }: BackoffSettings, random: number): number {
  const ceiling = Math.min(mostMs, firstMs * 2 ** Math.min(attempt, 30));
  return ceiling * (0.5 + random / 2);
}
