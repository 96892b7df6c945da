/**
 * What replacing one topology by another would do, before anything changes: which nodes and settings differ, which
 * share of the new connections moves, what becomes of the established ones. Pure.
 */
import { diffTopology, nodeIdentity } from '../diff.ts';
import type { Topology } from '../types.ts';
import { planConnections, type ConnectionPlan, type LiveView } from './connections.ts';
import { plannedChanges, type PlannedChange } from './effects.ts';
import { movedShare, type ServiceShares, type TableCache } from './moved-share.ts';
import { neededPrivileges } from './privileges.ts';

export type { ConnectionPlan, Fate, Fates, LiveView } from './connections.ts';
export type { PlannedChange, Traffic } from './effects.ts';
export type { BalancerShare, ServiceShares } from './moved-share.ts';

export interface TopologyPlan {
  /** Content hashes. */
  readonly before: string;
  readonly after: string;
  readonly isEmpty: boolean;
  readonly changes: readonly PlannedChange[];
  /** Of the services that exist before and after. */
  readonly services: readonly ServiceShares[];
  /** Null when nobody was asked how many there are. */
  readonly connections: ConnectionPlan | null;
  /** One sentence for each privilege that is newly needed. */
  readonly privileges: readonly string[];
}

/**
 * Plans the step from `before` to `after`. With `live` the connections are counted, and balancers that are down get no
 * share before or after; nodes that are added count as up.
 */
export function planTopology(before: Topology, after: Topology, live?: LiveView): TopologyPlan {
  const cache: TableCache = new Map();
  const services = after.services.flatMap((service) => {
    const old = before.services.find(({ name }) => name === service.name);
    if (old === undefined) return [];
    return movedShare(
      [before, old],
      [after, service],
      (balancer) => live?.down.has(nodeIdentity('balancer', balancer)) !== true,
      cache,
    );
  });
  return {
    before: before.hash,
    after: after.hash,
    isEmpty: diffTopology(before, after).isEmpty,
    changes: plannedChanges(before, after),
    services,
    connections: live === undefined ? null : planConnections(before, after, live),
    privileges: neededPrivileges(before, after),
  };
}

/** Exit code of `topology plan`: 0 no change, 3 changes, 4 connections would be lost. */
export function planExitCode({ isEmpty, connections }: TopologyPlan): 0 | 3 | 4 {
  if (isEmpty) return 0;
  return connections !== null && connections.lost > 0 ? 4 : 3;
}
