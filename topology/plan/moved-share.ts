/** Which share of a service's new connections goes elsewhere after a change: read off the Maglev tables. Pure. */
import {
  buildMaglevTable,
  hashKeyFromHex,
  noNode,
  slotCounts,
  type MaglevTable,
} from '../../lib/maglev/index.ts';
import type { Balancer, Service, Topology } from '../types.ts';

/** What one balancer gets of a service's new connections; shares are from 0 to 1. */
export interface BalancerShare {
  /** `name@host`. */
  readonly balancer: string;
  readonly before: number;
  readonly after: number;
  /** Comes to it from other balancers. */
  readonly gained: number;
  /** Goes from it to other balancers. */
  readonly given: number;
}

export interface ServiceShares {
  readonly service: string;
  /** Share of the new connections that another balancer gets than before; refused before or after counts too. */
  readonly moved: number;
  /** Share that no balancer takes: 0 or 1. */
  readonly refusedBefore: number;
  readonly refusedAfter: number;
  /** Ordered by name; balancers without a share before and after are left out. */
  readonly balancers: readonly BalancerShare[];
}

/** Whether a balancer takes new connections, as far as is known. */
export type TakesNew = (balancer: Balancer) => boolean;

/** Owner of every slot, as an index into `ids`. */
interface Owners {
  readonly ids: readonly string[];
  readonly table: MaglevTable;
}

/** Tables by hash key and nodes, so that services with the same balancers share one. */
export type TableCache = Map<string, MaglevTable>;

/** Shares of a service that exists before and after. */
export function movedShare(
  before: readonly [Topology, Service],
  after: readonly [Topology, Service],
  takesNew: TakesNew,
  cache: TableCache = new Map(),
): ServiceShares {
  const old = owners(...before, takesNew, cache);
  const now = owners(...after, takesNew, cache);
  const ids = [...new Set([...old.ids, ...now.ids])].sort();
  const pairs = before[0].hashKey === after[0].hashKey ? countPairs(old, now) : expectPairs(old, now);
  const shares = new Map(ids.map((balancer) => [balancer, { before: 0, after: 0, gained: 0, given: 0 }]));
  let moved = 0;
  let refusedBefore = 0;
  let refusedAfter = 0;
  for (const { from, to, share } of pairs) {
    const giver = from === undefined ? undefined : shares.get(from);
    const taker = to === undefined ? undefined : shares.get(to);
    if (giver === undefined) refusedBefore += share;
    else giver.before += share;
    if (taker === undefined) refusedAfter += share;
    else taker.after += share;
    if (from === to) continue;
    moved += share;
    if (giver !== undefined) giver.given += share;
    if (taker !== undefined) taker.gained += share;
  }
  const balancers = ids.map((balancer) => ({ balancer, ...shares.get(balancer)! }));
  return { service: after[1].name, moved, refusedBefore, refusedAfter, balancers };
}

function owners(topology: Topology, service: Service, takesNew: TakesNew, cache: TableCache): Owners {
  const nodes = topology.balancers
    .filter((balancer) => service.balancers.includes(balancer.name))
    .filter((balancer) => balancer.state === 'active' && balancer.weight > 0 && takesNew(balancer))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const key = JSON.stringify([topology.hashKey, nodes.map(({ name, weight }) => [name, weight])]);
  const table = cache.get(key) ?? buildMaglevTable(hashKeyFromHex(topology.hashKey), nodes);
  cache.set(key, table);
  return { ids: nodes.map(({ name, host }) => `${name}@${host}`), table };
}

interface Pair {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly share: number;
}

/** The same hash key: a client has the same slot before and after. */
function countPairs(old: Owners, now: Owners): readonly Pair[] {
  const { size } = old.table;
  const counts = new Map<number, number>();
  for (let slot = 0; slot < size; slot++) {
    // Owners are below 2^16, so a pair is one number.
    const pair = old.table.slots[slot]! * 0x1_0000 + now.table.slots[slot]!;
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  return [...counts].map(([pair, count]) => ({
    from: idOf(old, Math.floor(pair / 0x1_0000)),
    to: idOf(now, pair % 0x1_0000),
    share: count / size,
  }));
}

/** Another hash key: where a client was says nothing of where it will be. */
function expectPairs(old: Owners, now: Owners): readonly Pair[] {
  return sharesOf(old).flatMap(([from, was]) =>
    sharesOf(now).map(([to, is]): Pair => ({ from, to, share: was * is })),
  );
}

function sharesOf(owned: Owners): readonly (readonly [string | undefined, number])[] {
  const counts = [...slotCounts(owned.table)];
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return [[undefined, 1]];
  return counts.map((count, index) => [owned.ids[index], count / owned.table.size] as const);
}

function idOf(owned: Owners, index: number): string | undefined {
  return index === noNode ? undefined : owned.ids[index];
}
