import { FlowHasher, hashKeyFromHex } from '../lib/maglev/index.ts';
import type { Scheduler, SchedulerOptions } from './scheduler.ts';
import type { Upstream } from './upstream.ts';

const nothing: ReadonlyMap<string, number> = new Map();

/**
 * Source hash: all connections of one client address go to one upstream, by the keyed hash of the address modulo the
 * weights. While that one is excluded, its clients (and no others) are spread over the rest by the same hash. A changed
 * list or weight moves most clients; `maglev` moves few. Keeps no memory.
 */
export function createSourceHash({ upstreams, hashKey }: SchedulerOptions): Scheduler {
  const hasher = new FlowHasher(hashKeyFromHex(hashKey));
  return {
    algorithm: 'source-hash',
    upstreams,
    pick({ host }, _loads, excluded) {
      const home = byHash(hasher, host, 0, upstreams);
      if (home === null || !excluded(home)) return home;
      // Port 1: another hash of the same address, so that the refugees of one upstream do not all meet on the next.
      return byHash(
        hasher,
        host,
        1,
        upstreams.filter((upstream) => !excluded(upstream)),
      );
    },
    memory: () => ({ algorithm: 'source-hash', values: nothing }),
  };
}

/** The upstream whose stretch of the weights laid end to end holds the hash. */
function byHash(
  hasher: FlowHasher,
  host: string,
  port: number,
  upstreams: readonly Upstream[],
): Upstream | null {
  const total = upstreams.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return null;
  let left = hasher.slotOf({ host, port }, total);
  for (const upstream of upstreams) {
    left -= upstream.weight;
    if (left < 0) return upstream;
  }
  return null;
}
