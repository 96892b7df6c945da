import type { Algorithm } from '../topology/index.ts';
import { createLeastConnections } from './scheduler-least-connections.ts';
import { createMaglev } from './scheduler-maglev.ts';
import { createRandomTwo } from './scheduler-random-two.ts';
import { createRoundRobin } from './scheduler-round-robin.ts';
import { createSourceHash } from './scheduler-source-hash.ts';
import { createWeightedRoundRobin } from './scheduler-weighted-round-robin.ts';
import type { Scheduler, SchedulerOptions } from './scheduler.ts';

const schedulers: Readonly<Record<Algorithm, (options: SchedulerOptions) => Scheduler>> = {
  'round-robin': createRoundRobin,
  'weighted-round-robin': createWeightedRoundRobin,
  'least-connections': createLeastConnections,
  'source-hash': createSourceHash,
  maglev: createMaglev,
  'random-two': createRandomTwo,
};

/** A scheduler of the given kind. */
export function createScheduler(algorithm: Algorithm, options: SchedulerOptions): Scheduler {
  return schedulers[algorithm](options);
}
