/** Heartbeats: who lives, who is silent, who is dead. The rules are in docs/design.md and monitor.ts. */
import type { Endpoint } from '../address/index.ts';

/** What a node answers for one service. Only `serving` takes new connections. */
export type ServiceReadiness = 'serving' | 'draining' | 'full' | 'no-upstream';

/** Ways in which connections get from a director to a balancer. */
export const ways = ['proxy', 'dr', 'tun', 'nat', 'fullnat'] as const;
export type Way = (typeof ways)[number];

/** What a node answers for one service. */
export interface ServiceReply {
  readonly state: ServiceReadiness;
  readonly connections: number;
  /** Ways in which it can take connections now; undefined: it does not say (a chat server). */
  readonly takes?: readonly Way[];
}

/** The body of a heartbeat's answer. */
export interface HeartbeatReply {
  readonly services: Readonly<Record<string, ServiceReply>>;
  /** Live connections of the node. */
  readonly connections: number;
  /** Content hash of the topology it runs. */
  readonly topology: string;
}

export type HealthState = 'unknown' | 'up' | 'down';

/** How a target is asked. */
export type TargetProbe =
  /** Only an answer of this node counts. */
  | { readonly kind: 'headgate'; readonly node: string; readonly endpoint: Endpoint }
  | { readonly kind: 'tcp'; readonly endpoint: Endpoint; readonly send?: string; readonly expect?: string }
  /** Not asked at all: always up. */
  | { readonly kind: 'off' };

export interface HeartbeatTarget {
  /** Identity of the node: a target whose id or probe changed is a new target. */
  readonly id: string;
  readonly probe: TargetProbe;
}

/** What is known of one target at one moment; immutable. */
export interface TargetHealth {
  readonly id: string;
  readonly state: HealthState;
  /** Consecutive misses so far. */
  readonly misses: number;
  /** Down for good as far as its connections are concerned: refused after a close, or DOWN for deadAfterMs. */
  readonly dead: boolean;
  /** Clock milliseconds of the last change of `state`. */
  readonly sinceMs: number;
  /** The last good answer; null before the first and for foreign probes. */
  readonly reply: HeartbeatReply | null;
  /** Why the last beat failed, one short line; empty when it did not. */
  readonly lastFailure: string;
}

export interface HeartbeatSettings {
  readonly intervalMs: number;
  readonly misses: number;
  readonly rises: number;
  readonly deadAfterMs: number;
}

/** Beats a set of targets. */
export interface Heartbeats {
  /** Replaces the set. Targets that stay keep their state; new ones start UNKNOWN; others are forgotten. */
  setTargets(targets: readonly HeartbeatTarget[]): void;
  setSettings(settings: HeartbeatSettings): void;
  health(id: string): TargetHealth | undefined;
  all(): readonly TargetHealth[];
  /** Asks now instead of at the next beat (a client's connect was refused). Bounded: at most one at a time. */
  probeNow(id: string): void;
  /** True while more than half of the targets (of at least three) fell silent together: the fault may be here. */
  readonly suspectsItself: boolean;
  close(): void;
}
