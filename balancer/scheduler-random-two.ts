import type { Candidate, PickView, Scheduler, SchedulerOptions } from './scheduler.ts';
import { eligibleOf, presentWeight } from './smooth-weights.ts';

/**
 * Two random candidates (chances by present weight), the one with fewer connections per present weight: nearly as even as
 * least connections, without the rush of everybody to the same newcomer. Keeps no value.
 */
export function createRandomTwo({ candidates, random }: SchedulerOptions): Scheduler {
  return {
    algorithm: 'random-two',
    pick(_client, view) {
      const eligible = eligibleOf(candidates, view);
      const first = drawByWeight(candidates, eligible, view, random());
      if (first === -1 || eligible.length === 1) return first;
      const others = eligible.filter((index) => index !== first);
      const second = drawByWeight(candidates, others, view, random());
      const crossed = (one: number, other: number): number =>
        view.load(one) * presentWeight(candidates, view, other);
      return crossed(second, first) < crossed(first, second) ? second : first;
    },
  };
}

/** The candidate at `point` (in [0, 1)) of the present weights laid end to end; -1 when there is none. */
function drawByWeight(
  candidates: readonly Candidate[],
  among: readonly number[],
  view: PickView,
  point: number,
): number {
  const total = among.reduce((sum, index) => sum + presentWeight(candidates, view, index), 0);
  let left = point * total;
  for (const index of among) {
    left -= presentWeight(candidates, view, index);
    if (left < 0) return index;
  }
  return among.at(-1) ?? -1;
}
