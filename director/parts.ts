import type { Logger } from 'pino';
import type { Endpoint } from '../lib/address/index.ts';
import type { Clock } from '../lib/clock/index.ts';
import type { ControlKey } from '../lib/control/index.ts';
import type { Heartbeats, HeartbeatSettings, TargetHealth } from '../lib/heartbeat/index.ts';
import type { CreateRelay } from '../lib/relay/index.ts';

/** What a director asks of its heartbeats. */
export interface HeartbeatOptions {
  readonly settings: HeartbeatSettings;
  readonly key: ControlKey;
  readonly cluster: string;
  readonly node: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly onChange: (health: TargetHealth) => void;
  readonly onReply: () => void;
}

/** What a director is made of; tests bring their own. */
export interface DirectorParts {
  readonly createRelay: CreateRelay;
  readonly createHeartbeats: (options: HeartbeatOptions) => Heartbeats;
  /** PROXY v2 header for a connection from `source` to `destination`. */
  readonly preface: (source: Endpoint, destination: Endpoint) => Uint8Array;
  /** Most connections at one time. */
  readonly limit: number;
  /** From 0 (included) to 1. */
  readonly random: () => number;
  /** How fast connections to dead balancers are ended; default 5,000. */
  readonly resetsPerSecond?: number;
}
