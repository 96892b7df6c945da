import type { TargetHealth } from '../lib/heartbeat/index.ts';
import type { Service } from '../topology/index.ts';
import type { PooledUpstream } from './upstream-pool.ts';

/** A chat server whose connections are to be ended: of these services, or of all (undefined). */
export interface Doomed {
  readonly key: string;
  readonly services: readonly string[] | undefined;
}

/** Dead servers lose every connection, those that are merely down the ones of services with `onDown: close`. */
export function doomedUpstreams(
  upstreams: readonly PooledUpstream[],
  health: (key: string) => TargetHealth | undefined,
  services: readonly Pick<Service, 'name' | 'balancing'>[],
): readonly Doomed[] {
  const closing = services.filter(({ balancing }) => balancing.onDown === 'close').map(({ name }) => name);
  return upstreams.flatMap(({ upstream: { key }, connections }): readonly Doomed[] => {
    const known = connections > 0 ? health(key) : undefined;
    if (known?.dead) return [{ key, services: undefined }];
    return known?.state === 'down' && closing.length > 0 ? [{ key, services: closing }] : [];
  });
}
