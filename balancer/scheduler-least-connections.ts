import { recall, type Scheduler, type SchedulerOptions } from './scheduler.ts';
import { boundCredits, smoothStep } from './smooth-weights.ts';
import type { Upstream } from './upstream.ts';

/**
 * Least connections: the upstream with the fewest connections per weight. Equals take turns by smooth weighted round
 * robin, so that connections that end at once are spread too. Memory: the credits of those turns.
 */
export function createLeastConnections(options: SchedulerOptions): Scheduler {
  const { upstreams } = options;
  const credits = recall('least-connections', options, 0);
  boundCredits(upstreams, credits);
  return {
    algorithm: 'least-connections',
    upstreams,
    pick(_client, loads, excluded) {
      let equals: Upstream[] = [];
      let fewest = { load: Infinity, weight: 1 };
      for (const upstream of upstreams) {
        if (excluded(upstream)) continue;
        const { weight } = upstream;
        const load = loads(upstream);
        // a/b < c/d as a·d < c·b: exact, where the quotients would round.
        const order = load * fewest.weight - fewest.load * weight;
        if (order < 0) {
          equals = [upstream];
          fewest = { load, weight };
        } else if (order === 0) equals.push(upstream);
      }
      return smoothStep(equals, credits);
    },
    memory: () => ({ algorithm: 'least-connections', values: new Map(credits) }),
  };
}
