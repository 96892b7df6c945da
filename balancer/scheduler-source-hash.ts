import { FlowHasher, hashKeyFromHex } from '../lib/maglev/index.ts';
import { SlowHomes } from './slow-homes.ts';
import type { Candidate, Scheduler, SchedulerOptions } from './scheduler.ts';

/**
 * Source hash: all connections of one client address go to one candidate, by the keyed hash of the address modulo the
 * weights. While that one is excluded, its clients (and no others) are spread over the rest by the same hash. A changed
 * list or weight moves most clients; `maglev` moves few. Keeps no value.
 */
export function createSourceHash({ candidates, hashKey }: SchedulerOptions): Scheduler {
  const hasher = new FlowHasher(hashKeyFromHex(hashKey));
  const homes = new SlowHomes(hasher, candidates.length);
  const everybody = candidates.map((_, index) => index);
  return {
    algorithm: 'source-hash',
    pick({ host }, view) {
      const home = byHash(hasher, host, 0, candidates, everybody);
      if (home === -1) return -1;
      const closed = homes.closedTo(host, view);
      if (!closed(home)) return home;
      // Port 1: another hash of the same address, so that the refugees of one upstream do not all meet on the next.
      return byHash(
        hasher,
        host,
        1,
        candidates,
        everybody.filter((index) => !closed(index)),
      );
    },
  };
}

/** The candidate whose stretch of the weights laid end to end holds the hash; -1 when `among` is empty. */
function byHash(
  hasher: FlowHasher,
  host: string,
  port: number,
  candidates: readonly Candidate[],
  among: readonly number[],
): number {
  const total = among.reduce((sum, index) => sum + candidates[index]!.weight, 0);
  if (total === 0) return -1;
  let left = hasher.slotOf({ host, port }, total);
  for (const index of among) {
    left -= candidates[index]!.weight;
    if (left < 0) return index;
  }
  return -1;
}
