import type { TargetHealth } from '../lib/heartbeat/index.ts';
import type { Balancer } from '../topology/index.ts';

/** Why a balancer gets new connections of a service, or why not; the text is for people. */
export const standingTexts = {
  eligible: 'takes new connections',
  drained: 'state: drain in the topology',
  'weight-0': 'weight: 0 in the topology',
  unknown: 'has not answered yet',
  down: 'is down',
  draining: 'says that it is draining',
  full: 'says that it is full',
  'no-upstream': 'says that it has no chat server',
  'not-serving': 'does not serve it yet',
} as const;

export type Standing = keyof typeof standingTexts;

/** Standing of a balancer of the topology for one service. What the operator wants comes first, then what is. */
export function standingOf(balancer: Balancer, health: TargetHealth | undefined, service: string): Standing {
  if (balancer.state === 'drain') return 'drained';
  if (balancer.weight === 0) return 'weight-0';
  if (health === undefined || health.state === 'unknown') return 'unknown';
  if (health.state === 'down') return 'down';
  // A foreign probe has no answer to give: that it accepts is all there is to know.
  if (health.reply === null) return 'eligible';
  const state = health.reply.services[service]?.state;
  if (state === undefined) return 'not-serving';
  return state === 'serving' ? 'eligible' : state;
}
