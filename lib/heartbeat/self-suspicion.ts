import type { MonitorState } from './monitor.ts';

/** A tier smaller than this may well fall silent as a whole. */
const smallestTier = 3;

/**
 * Whether so many targets fell silent together that the fault is more likely here: more than half of the tier, of at
 * least three. Silent: DOWN by misses and not refused since. Those already dead do not count as silent: they
 * fell at least `deadAfterMs` earlier, so not together. While this holds nobody becomes dead by time, so the whole
 * group is kept.
 */
export function suspectsItself(tier: readonly Pick<MonitorState, 'health' | 'silent' | 'dead'>[]): boolean {
  const silent = tier.filter((target) => target.health === 'down' && target.silent && !target.dead);
  return tier.length >= smallestTier && silent.length * 2 > tier.length;
}
