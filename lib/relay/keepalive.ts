import type { RelaySettings } from './types.ts';

/** What libuv sets with every keepalive: ten probes, one second apart. */
const probesMs = 10 * 1_000;
/** TCP_KEEPIDLE counts whole seconds. */
const leastIdleMs = 1_000;

/**
 * Idle milliseconds before the first keepalive probe; 0: no probes. With TCP_USER_TIMEOUT the kernel gives up at the
 * first probe that is unanswered when that time has passed since the peer was last heard (tcp_keepalive_timer), however
 * few probes were sent; so that one lost probe never ends a connection, they begin early enough for all to be sent.
 */
export function keepaliveIdleMs(settings: Pick<RelaySettings, 'keepaliveMs' | 'userTimeoutMs'>): number {
  const { keepaliveMs, userTimeoutMs } = settings;
  if (keepaliveMs <= 0) return 0;
  const latestMs = userTimeoutMs > 0 ? userTimeoutMs - probesMs : Infinity;
  return Math.max(leastIdleMs, Math.min(keepaliveMs, latestMs));
}
