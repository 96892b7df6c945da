/**
 * How fast connections to dead balancers are ended. All at once would bring all their clients back at once; so the
 * resets have a rate, and the pauses between them a jitter so that several directors do not beat in time.
 */

/** Default rate of one director. A client that is told after a few seconds is still told long before its own timeout. */
export const defaultResetsPerSecond = 5_000;

/** Mean pause between two rounds of resets. */
const pauseMs = 20;
/** Most time whose resets may be made up for when a round was late: a busy moment must not end in a burst. */
const mostCreditMs = 4 * pauseMs;

/** Resets saved up, and when they were counted. */
export interface PaceState {
  readonly credit: number;
  readonly atMs: number;
}

export interface PacedRound {
  readonly state: PaceState;
  /** How many connections of which balancer to end now. */
  readonly resets: ReadonlyMap<string, number>;
  /** When to ask again. */
  readonly pauseMs: number;
}

/** A pause of half to one and a half times the mean; `random` is from 0 (included) to 1. */
export function jitteredPauseMs(random: number): number {
  return pauseMs * (0.5 + random);
}

/**
 * One round: spends what the rate allows since the last one over the dead balancers, evenly, and what one
 * of them does not need on the others. `waiting` is the number of connections by balancer.
 */
export function paceResets(
  { credit, atMs }: PaceState,
  nowMs: number,
  waiting: ReadonlyMap<string, number>,
  ratePerSecond: number,
  random: number,
): PacedRound {
  const earned = (Math.min(nowMs - atMs, mostCreditMs) * ratePerSecond) / 1_000;
  const most = Math.max(1, (mostCreditMs * ratePerSecond) / 1_000);
  const saved = Math.min(credit + earned, most);
  let left = Math.floor(saved);
  const resets = new Map<string, number>();
  // Least first, so that what a small one leaves over is shared by the rest.
  const byNeed = [...waiting].filter(([, count]) => count > 0).sort(([, one], [, other]) => one - other);
  for (const [index, [id, count]] of byNeed.entries()) {
    const share = Math.min(count, Math.ceil(left / (byNeed.length - index)));
    if (share > 0) resets.set(id, share);
    left -= share;
  }
  const spent = Math.floor(saved) - left;
  return { state: { credit: saved - spent, atMs: nowMs }, resets, pauseMs: jitteredPauseMs(random) };
}
