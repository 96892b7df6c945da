import { buildMaglevTable, FlowHasher, hashKeyFromHex, ownerOf } from '../lib/maglev/index.ts';
import type { Scheduler, SchedulerOptions } from './scheduler.ts';
import { SlowHomes } from './slow-homes.ts';

/**
 * Maglev: as source hash, all connections of one client address go to one candidate, but through a Maglev table, so that
 * a changed list or weight moves few clients. While the owner of a slot is excluded, the owner of the next slot that is
 * not takes its clients; neighbours are as good as random, so they spread by weight. Keeps no value.
 */
export function createMaglev({ candidates, hashKey }: SchedulerOptions): Scheduler {
  const key = hashKeyFromHex(hashKey);
  const hasher = new FlowHasher(key);
  const homes = new SlowHomes(hasher, candidates.length);
  const table = buildMaglevTable(
    key,
    candidates.map(({ key: name, weight }) => ({ name, weight })),
  );
  const places = new Map(candidates.map(({ key: name }, index) => [name, index]));
  const owners = table.nodes.map(({ name }) => places.get(name)!);
  return {
    algorithm: 'maglev',
    pick({ host }, view) {
      const closed = homes.closedTo(host, view);
      if (candidates.every((_, index) => closed(index))) return -1;
      const start = hasher.slotOf({ host, port: 0 }, table.size);
      for (let step = 0; step < table.size; step++) {
        const owner = owners[ownerOf(table, (start + step) % table.size)];
        if (owner !== undefined && !closed(owner)) return owner;
      }
      return -1;
    },
  };
}
