import type { Upstream } from './upstream.ts';

/**
 * One step of smooth weighted round robin over `eligible`: every upstream earns its weight as credit, the richest is
 * picked and pays what all earned together. Over a cycle (sum of the weights) each is picked exactly its weight's
 * times, spread as evenly as integers allow. `credits` is changed; null when nobody is eligible.
 */
export function smoothStep(eligible: readonly Upstream[], credits: Map<string, number>): Upstream | null {
  let richest: Upstream | null = null;
  let most = -Infinity;
  let earned = 0;
  for (const upstream of eligible) {
    const credit = (credits.get(upstream.key) ?? 0) + upstream.weight;
    credits.set(upstream.key, credit);
    earned += upstream.weight;
    if (credit > most) {
      richest = upstream;
      most = credit;
    }
  }
  if (richest !== null) credits.set(richest.key, most - earned);
  return richest;
}

/** Keeps remembered credits within what the present weights could have brought about. */
export function boundCredits(upstreams: readonly Upstream[], credits: Map<string, number>): void {
  const total = upstreams.reduce((sum, { weight }) => sum + weight, 0);
  for (const [key, credit] of credits) credits.set(key, Math.max(-total, Math.min(total, credit)));
}
