import type { Heartbeats } from '../lib/heartbeat/index.ts';
import type { ForwardingStatus, TierStatus, WatchedNode } from '../node/index.ts';
import type { Topology } from '../topology/index.ts';
import { balancerId } from './balancer-identity.ts';
import type { PlaneStats } from './plane.ts';
import type { RemovedBalancer } from './removed-balancers.ts';

export interface StatusInput {
  readonly topology: Topology;
  readonly removed: readonly RemovedBalancer[];
  readonly health: Heartbeats['health'];
  readonly suspectsItself: boolean;
  readonly stats: PlaneStats;
  readonly draining: boolean;
  readonly newPerSecond: number;
  readonly forwarding: ForwardingStatus;
}

/** What a director tells of itself. */
export function directorStatus(input: StatusInput): TierStatus {
  const { topology, removed, stats, draining, newPerSecond } = input;
  const { total, counters, limit, refusedFull } = stats;
  const names = new Set(topology.balancers.map(({ name }) => name));
  return {
    draining,
    connections: total.connections,
    accepted: total.accepted,
    newPerSecond,
    limit,
    counters: {
      refusedNoBalancer: total.refusedNoBalancer,
      refusedUnreachable: total.refusedUnreachable,
      refusedFull,
      ...counters,
      suspectsItself: input.suspectsItself ? 1 : 0,
    },
    forwarding: input.forwarding,
    watches: [
      ...topology.balancers.map((balancer) =>
        watched(input, balancerId(balancer), balancer.name, balancer.state === 'drain'),
      ),
      // A removed balancer whose name lives on, on another host, is told apart by its host.
      ...removed.map(({ id, name }) => watched(input, id, names.has(name) ? id : name, true)),
    ],
  };
}

function watched({ health, stats }: StatusInput, id: string, node: string, draining: boolean): WatchedNode {
  const known = health(id);
  const services = Object.entries(known?.reply?.services ?? {}).map(
    ([name, { state }]) => [name, state] as const,
  );
  return {
    node,
    tier: 'balancer',
    state: known?.state ?? 'unknown',
    misses: known?.misses ?? 0,
    dead: known?.dead ?? false,
    services: Object.fromEntries(services),
    connections: stats.balancers[id] ?? 0,
    draining,
    lastFailure: known?.lastFailure ?? '',
  };
}
