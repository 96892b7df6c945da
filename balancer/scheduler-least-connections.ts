import type { Scheduler, SchedulerOptions } from './scheduler.ts';
import { presentWeight, smoothStep } from './smooth-weights.ts';

/**
 * Least connections: the candidate with the fewest connections per present weight. Equals take turns by smooth weighted
 * round robin, so that connections that end at once are spread too. Value: the credit of those turns.
 *
 * One that starts slowly counts as light: it gets new connections until it has its present share of what the others
 * have, not all of them until it has caught up.
 */
export function createLeastConnections({ candidates }: SchedulerOptions): Scheduler {
  return {
    algorithm: 'least-connections',
    pick(_client, view) {
      let equals: number[] = [];
      let fewest = { load: Infinity, weight: 1 };
      for (let index = 0; index < candidates.length; index++) {
        if (view.excluded(index)) continue;
        const weight = presentWeight(candidates, view, index);
        const load = view.load(index);
        // a/b < c/d as a·d < c·b: exact, where the quotients would round.
        const order = load * fewest.weight - fewest.load * weight;
        if (order < 0) {
          equals = [index];
          fewest = { load, weight };
        } else if (order === 0) equals.push(index);
      }
      return smoothStep(candidates, equals, view);
    },
  };
}
