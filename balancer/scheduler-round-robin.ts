import { recall, type Scheduler, type SchedulerOptions } from './scheduler.ts';
import type { Upstream } from './upstream.ts';

/**
 * Round robin: whoever waited longest is next, in the order of the file among equals. Same sequence as a cursor going
 * round, but it needs no repair when upstreams come, go or are skipped. Weights do not count.
 * Memory: the number of the turn an upstream had last, 0 for none.
 */
export function createRoundRobin(options: SchedulerOptions): Scheduler {
  const { upstreams } = options;
  const turns = recall('round-robin', options, 0);
  let turn = Math.max(0, ...turns.values());
  return {
    algorithm: 'round-robin',
    upstreams,
    pick(_client, _loads, excluded) {
      let next: Upstream | null = null;
      let oldest = Infinity;
      for (const upstream of upstreams) {
        const last = turns.get(upstream.key)!;
        if (last < oldest && !excluded(upstream)) {
          next = upstream;
          oldest = last;
        }
      }
      if (next !== null) turns.set(next.key, ++turn);
      return next;
    },
    memory: () => ({ algorithm: 'round-robin', values: new Map(turns) }),
  };
}
