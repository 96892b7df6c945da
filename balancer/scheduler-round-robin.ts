import { wholeShare, type PickView, type Scheduler, type SchedulerOptions } from './scheduler.ts';

/**
 * Round robin: whoever waited longest is next, in the order of the file among equals. Same sequence as a cursor going
 * round, but it needs no repair when candidates come, go or are skipped. Weights do not count.
 * Value: the number of the turn a candidate had last, 0 for none.
 *
 * One that starts slowly lets some of its turns pass; when everybody does, the first of them takes its turn after all.
 */
export function createRoundRobin({ candidates }: SchedulerOptions): Scheduler {
  const { length } = candidates;
  const longestWaiting = (view: PickView): number => {
    let next = -1;
    let oldest = Infinity;
    for (let index = 0; index < length; index++) {
      const last = view.value(index);
      if (last < oldest && !view.excluded(index)) {
        next = index;
        oldest = last;
      }
    }
    return next;
  };
  return {
    algorithm: 'round-robin',
    pick(_client, view) {
      let turn = 0;
      for (let index = 0; index < length; index++) turn = Math.max(turn, view.value(index));
      let first = -1;
      for (let passed = 0; passed < length; passed++) {
        const next = longestWaiting(view);
        if (next === -1) return -1;
        view.setValue(next, ++turn);
        if (takesTurn(view.share(next), turn)) return next;
        if (first === -1) first = next;
      }
      return first;
    },
  };
}

/** The golden ratio's fraction: its multiples fill the unit interval more evenly than any other number's. */
const golden = (Math.sqrt(5) - 1) / 2;

/**
 * Whether a candidate of this share (hundredths) takes turn number `turn`. By the number alone, so that no count of the
 * turns passed has to be kept and a growing share never makes up for what was passed.
 */
export function takesTurn(share: number, turn: number): boolean {
  return share >= wholeShare || (turn * golden) % 1 < share / wholeShare;
}
