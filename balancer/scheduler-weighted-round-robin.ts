import { recall, type Scheduler, type SchedulerOptions } from './scheduler.ts';
import { boundCredits, smoothStep } from './smooth-weights.ts';

/** Smooth weighted round robin. Memory: each upstream's credit. */
export function createWeightedRoundRobin(options: SchedulerOptions): Scheduler {
  const { upstreams } = options;
  const credits = recall('weighted-round-robin', options, 0);
  boundCredits(upstreams, credits);
  return {
    algorithm: 'weighted-round-robin',
    upstreams,
    pick: (_client, _loads, excluded) =>
      smoothStep(
        upstreams.filter((upstream) => !excluded(upstream)),
        credits,
      ),
    memory: () => ({ algorithm: 'weighted-round-robin', values: new Map(credits) }),
  };
}
