import type { TargetHealth } from '../lib/heartbeat/index.ts';
import type { WatchedNode } from '../node/index.ts';
import { wholeShare } from './scheduler.ts';
import type { PooledUpstream } from './upstream-pool.ts';

/** A chat server as this balancer sees it. */
export function watchedChatServer(
  { upstream, chatserver, draining, connections, share }: PooledUpstream,
  health: TargetHealth | undefined,
): WatchedNode {
  const services = Object.entries(health?.reply?.services ?? {});
  return {
    node: upstream.name,
    tier: 'chatserver',
    state: health?.state ?? 'unknown',
    misses: health?.misses ?? 0,
    dead: health?.dead ?? false,
    services: Object.fromEntries(services.map(([name, { state }]) => [name, state])),
    connections,
    draining,
    ...(chatserver.maxConnections === undefined ? {} : { maxConnections: chatserver.maxConnections }),
    ...(chatserver.backup ? { backup: true } : {}),
    ...(share < wholeShare ? { share } : {}),
    lastFailure: health?.lastFailure ?? '',
  };
}
