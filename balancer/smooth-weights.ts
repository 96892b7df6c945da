import { wholeShare, type Candidate, type PickView } from './scheduler.ts';

/** A candidate's weight at this moment: whole numbers, in hundredths of the configured weight. */
export function presentWeight(candidates: readonly Candidate[], view: PickView, index: number): number {
  return candidates[index]!.weight * view.share(index);
}

/**
 * One step of smooth weighted round robin over `eligible` (places in the list): each earns its present weight as credit,
 * the richest is picked and pays what all earned together. Over a cycle (sum of the weights) each is picked exactly its
 * weight's times, spread as evenly as integers allow. The credits are the scheduler's values; -1 when nobody is eligible.
 */
export function smoothStep(
  candidates: readonly Candidate[],
  eligible: readonly number[],
  view: PickView,
): number {
  let richest = -1;
  let most = -Infinity;
  let earned = 0;
  for (const index of eligible) {
    const weight = presentWeight(candidates, view, index);
    const credit = view.value(index) + weight;
    view.setValue(index, credit);
    earned += weight;
    if (credit > most) {
      richest = index;
      most = credit;
    }
  }
  if (richest !== -1) view.setValue(richest, most - earned);
  return richest;
}

/** A remembered credit within what the present weights could have brought about. */
export function boundCredit(candidates: readonly Candidate[], credit: number): number {
  const total = wholeShare * candidates.reduce((sum, { weight }) => sum + weight, 0);
  return Math.max(-total, Math.min(total, credit));
}

/** The places in the list that may be picked. */
export function eligibleOf(candidates: readonly Candidate[], view: PickView): readonly number[] {
  const eligible: number[] = [];
  for (let index = 0; index < candidates.length; index++) if (!view.excluded(index)) eligible.push(index);
  return eligible;
}
