import type { TargetHealth } from '../lib/heartbeat/index.ts';
import { level, type Level } from './pick-table.ts';

/**
 * Whether a chat server may get new connections of a service, by what the heartbeats know. One that says it is full or
 * draining is reluctant: last of all. A server that does not tell of a service (a foreign probe) serves it.
 */
export function levelOf(health: TargetHealth | undefined, service: string, backup: boolean): Level {
  if (health?.state !== 'up') return level.none;
  const readiness = health.reply?.services[service]?.state ?? 'serving';
  if (readiness === 'serving') return backup ? level.backup : level.preferred;
  return backup ? level.reluctantBackup : level.reluctant;
}
