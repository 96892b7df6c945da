import type { HeartbeatTarget } from '../lib/heartbeat/index.ts';
import type { Topology } from '../topology/index.ts';
import { balancerId, heartbeatTarget } from './balancer-identity.ts';

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

/** Those that still have connections; the same array when all have. */
export function withConnections(
  removed: readonly RemovedBalancer[],
  connections: Readonly<Record<string, number>>,
): readonly RemovedBalancer[] {
  const left = removed.filter(({ id }) => (connections[id] ?? 0) > 0);
  return left.length === removed.length ? removed : left;
}
