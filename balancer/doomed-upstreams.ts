import type { TargetHealth } from '../lib/heartbeat/index.ts';
import { isDrainOver, type Service } from '../topology/index.ts';
import type { PooledUpstream } from './upstream-pool.ts';

/** A chat server whose connections are to be ended: of these services, or of all (undefined). */
export interface Doomed {
  readonly key: string;
  readonly services: readonly string[] | undefined;
}

/**
 * Dead servers lose every connection, and so do those whose draining has reached its deadline; those that are merely down
 * the ones of services with `onDown: close`. `wallMs` are milliseconds since 1970.
 */
export function doomedUpstreams(
  upstreams: readonly PooledUpstream[],
  health: (key: string) => TargetHealth | undefined,
  services: readonly Pick<Service, 'name' | 'balancing'>[],
  wallMs: number,
): readonly Doomed[] {
  const closing = services.filter(({ balancing }) => balancing.onDown === 'close').map(({ name }) => name);
  return upstreams.flatMap(({ upstream: { key }, chatserver, removed, connections }): readonly Doomed[] => {
    if (connections === 0) return [];
    const known = health(key);
    const isOver = !removed && isDrainOver(chatserver, wallMs);
    if (known?.dead || isOver) return [{ key, services: undefined }];
    return known?.state === 'down' && closing.length > 0 ? [{ key, services: closing }] : [];
  });
}
