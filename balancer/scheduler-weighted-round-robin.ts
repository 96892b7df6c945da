import type { Scheduler, SchedulerOptions } from './scheduler.ts';
import { eligibleOf, smoothStep } from './smooth-weights.ts';

/** Smooth weighted round robin. Value: the candidate's credit. */
export function createWeightedRoundRobin({ candidates }: SchedulerOptions): Scheduler {
  return {
    algorithm: 'weighted-round-robin',
    pick: (_client, view) => smoothStep(candidates, eligibleOf(candidates, view), view),
  };
}
