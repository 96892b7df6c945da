import type { TargetHealth } from '../lib/heartbeat/index.ts';
import type { Balancer } from '../topology/index.ts';
import { takesMode, type ServiceMode } from './forwarding-mode.ts';

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
  'other-mode': 'does not take it in the mode that is in force',
  'behind-router': 'is behind a router, which dr cannot cross: use forwarding: tun',
  'no-way': "cannot be reached through the director's interface, or its MAC address is not known yet",
  'no-index': "has no place in the director's maps until another balancer has left them",
} as const;

export type Standing = keyof typeof standingTexts;

/** What else than health decides about a standing. */
export interface StandingInput {
  readonly service: string;
  /** Mode in force. */
  readonly mode: ServiceMode;
  /** It was eligible when the director's earlier process ended, and the monitor has no verdict of its own yet. */
  readonly wasEligible: boolean;
  /** What the plane says of the way to it. */
  readonly obstacle: Standing | undefined;
}

/** Standing of a balancer of the topology for one service. What the operator wants comes first, then what is. */
export function standingOf(
  balancer: Balancer,
  health: TargetHealth | undefined,
  { service, mode, wasEligible, obstacle }: StandingInput,
): Standing {
  if (balancer.state === 'drain') return 'drained';
  if (balancer.weight === 0) return 'weight-0';
  if (health === undefined || health.state === 'unknown')
    return wasEligible ? (obstacle ?? 'eligible') : 'unknown';
  if (health.state === 'down') return 'down';
  // A foreign probe has no answer to give: that it accepts is all there is to know.
  if (health.reply === null) return obstacle ?? 'eligible';
  const state = health.reply.services[service]?.state;
  if (state === undefined) return 'not-serving';
  if (state !== 'serving') return state;
  return takesMode(health, service, mode) ? (obstacle ?? 'eligible') : 'other-mode';
}
