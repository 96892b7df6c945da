import type { Algorithm } from '../topology/index.ts';
import type { Candidate, SchedulerMemory } from './scheduler.ts';
import { boundCredit } from './smooth-weights.ts';

/**
 * The values with which a list of candidates begins: those remembered by key, when they are of the same algorithm, and
 * within what the present weights could have brought about. 0 is the beginning in every algorithm.
 */
export function recall(
  algorithm: Algorithm,
  candidates: readonly Candidate[],
  memory: SchedulerMemory | undefined,
): readonly number[] {
  if (memory?.algorithm !== algorithm) return candidates.map(() => 0);
  const values = candidates.map(({ key }) => memory.values.get(key) ?? 0);
  const isSmooth = algorithm === 'weighted-round-robin' || algorithm === 'least-connections';
  return isSmooth ? values.map((credit) => boundCredit(candidates, credit)) : values;
}
