import type { Scheduler, SchedulerOptions } from './scheduler.ts';
import type { Upstream } from './upstream.ts';

const nothing: ReadonlyMap<string, number> = new Map();

/**
 * Two random upstreams (chances by weight), the one with fewer connections per weight: nearly as even as least
 * connections, without the rush of everybody to the same newcomer. Keeps no memory.
 */
export function createRandomTwo({ upstreams, random }: SchedulerOptions): Scheduler {
  return {
    algorithm: 'random-two',
    upstreams,
    pick(_client, loads, excluded) {
      const eligible = upstreams.filter((upstream) => !excluded(upstream));
      const first = drawByWeight(eligible, random());
      if (first === null || eligible.length === 1) return first;
      const second = drawByWeight(
        eligible.filter((upstream) => upstream !== first),
        random(),
      )!;
      return loads(second) * first.weight < loads(first) * second.weight ? second : first;
    },
    memory: () => ({ algorithm: 'random-two', values: nothing }),
  };
}

/** The upstream at `point` (in [0, 1)) of the weights laid end to end. */
function drawByWeight(upstreams: readonly Upstream[], point: number): Upstream | null {
  const total = upstreams.reduce((sum, { weight }) => sum + weight, 0);
  let left = point * total;
  for (const upstream of upstreams) {
    left -= upstream.weight;
    if (left < 0) return upstream;
  }
  return upstreams.at(-1) ?? null;
}
