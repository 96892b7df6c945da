import type { RelaySettings } from './types.ts';

/** What libuv sets with every keepalive: ten probes, one second apart. */
const probesMs = 10 * 1_000;
/** TCP_KEEPIDLE counts whole seconds. */
const leastIdleMs = 1_000;

/**
 * How late the first probe may come, as a part of the idle time: the kernel's timer wheel rounds long times up by as much
 * (kernel/time/timer.c: the granularity of a level is an eighth of its shortest time), 33 s of 300 s where HZ is 1000.
 */
const latePart = 1 / 8;

/**
 * Idle milliseconds before the first keepalive probe; 0: no probes. With TCP_USER_TIMEOUT the kernel gives up at the
 * first probe that is unanswered when that time has passed since the peer was last heard (tcp_keepalive_timer), however
 * few probes were sent; so that one lost or late answer never ends a connection, they begin early enough for all to be sent.
 */
export function keepaliveIdleMs(settings: Pick<RelaySettings, 'keepaliveMs' | 'userTimeoutMs'>): number {
  const { keepaliveMs, userTimeoutMs } = settings;
  if (keepaliveMs <= 0) return 0;
  const latestMs = userTimeoutMs > 0 ? (userTimeoutMs - probesMs) / (1 + latePart) : Infinity;
  // Whole seconds are all there is.
  const wholeMs = Math.floor(Math.min(keepaliveMs, latestMs) / 1_000) * 1_000;
  return Math.max(leastIdleMs, wholeMs);
}
