import type { HealthState, ServiceReadiness, TargetHealth } from '../../lib/heartbeat/index.ts';

/** What the heartbeats would know of a chat server. */
export function health(
  id: string,
  state: HealthState,
  readiness: Record<string, ServiceReadiness> = {},
): TargetHealth {
  const services = Object.fromEntries(
    Object.entries(readiness).map(([service, one]) => [service, { state: one, connections: 0 }]),
  );
  const reply = { services, connections: 0, topology: '' };
  return { id, state, misses: 0, dead: false, sinceMs: 0, reply, lastFailure: '' };
}
