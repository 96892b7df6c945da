import { buildMaglevTable, FlowHasher, hashKeyFromHex, ownerOf } from '../lib/maglev/index.ts';
import type { Scheduler, SchedulerOptions } from './scheduler.ts';

const nothing: ReadonlyMap<string, number> = new Map();

/**
 * Maglev: as source hash, all connections of one client address go to one upstream, but through a Maglev table, so that
 * a changed list or weight moves few clients. While the owner of a slot is excluded, the owner of the next slot that is
 * not takes its clients; neighbours are as good as random, so they spread by weight. Keeps no memory.
 */
export function createMaglev({ upstreams, hashKey }: SchedulerOptions): Scheduler {
  const key = hashKeyFromHex(hashKey);
  const hasher = new FlowHasher(key);
  const table = buildMaglevTable(
    key,
    upstreams.map(({ key: name, weight }) => ({ name, weight })),
  );
  const byKey = new Map(upstreams.map((upstream) => [upstream.key, upstream]));
  const owners = table.nodes.map(({ name }) => byKey.get(name)!);
  return {
    algorithm: 'maglev',
    upstreams,
    pick({ host }, _loads, excluded) {
      if (upstreams.every(excluded)) return null;
      const start = hasher.slotOf({ host, port: 0 }, table.size);
      for (let step = 0; step < table.size; step++) {
        const owner = owners[ownerOf(table, (start + step) % table.size)];
        if (owner !== undefined && !excluded(owner)) return owner;
      }
      return null;
    },
    memory: () => ({ algorithm: 'maglev', values: nothing }),
  };
}
