import type { HeartbeatTarget } from '../lib/heartbeat/index.ts';
import type { Topology } from '../topology/index.ts';
import { balancerId, heartbeatTarget } from './balancer-identity.ts';
import type { PlaneStats } from './plane.ts';

/** A balancer that left the topology, or whose host changed: it drains, and is heartbeated until it is forgotten. */
export interface RemovedBalancer {
  readonly id: string;
  readonly name: string;
  readonly target: HeartbeatTarget;
}

/** The removed balancers after `before` was replaced by `after`; one that came back is no longer removed. */
export function afterTopologyChange(
  removed: readonly RemovedBalancer[],
  before: Topology,
  after: Topology,
): readonly RemovedBalancer[] {
  const present = new Set(after.balancers.map(balancerId));
  const leaving = before.balancers.map((balancer) => ({
    id: balancerId(balancer),
    name: balancer.name,
    target: heartbeatTarget(balancer, before),
  }));
  return [...removed, ...leaving].filter(({ id }) => !present.has(id));
}

/**
 * Those that still have connections, or may have; the same array when all do. `leftMs` is when a balancer had left the
 * tables, `countedMs` when counting the connections began: what came between is not in the count.
 */
export function withConnections(
  removed: readonly RemovedBalancer[],
  { balancers, countedMs = Infinity }: Pick<PlaneStats, 'balancers' | 'countedMs'>,
  leftMs: (id: string) => number | undefined,
): readonly RemovedBalancer[] {
  const left = removed.filter(({ id }) => (balancers[id] ?? 0) > 0 || countedMs <= (leftMs(id) ?? Infinity));
  return left.length === removed.length ? removed : left;
}
