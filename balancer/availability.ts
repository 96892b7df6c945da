import type { TargetHealth } from '../lib/heartbeat/index.ts';

/**
 * Whether a chat server may get new connections of a service: `preferred`; `reluctant`, only when nobody is
 * preferred (it says it is full or draining); `none` (it is not known to live).
 */
export type Availability = 'preferred' | 'reluctant' | 'none';

/** Judges by what the heartbeats know; a server that does not tell of a service (a foreign probe) serves it. */
export function availabilityOf(health: TargetHealth | undefined, service: string): Availability {
  if (health?.state !== 'up') return 'none';
  const readiness = health.reply?.services[service]?.state ?? 'serving';
  return readiness === 'serving' ? 'preferred' : 'reluctant';
}
