/** What every tier looks like to the process that runs it. */
import type { Logger } from 'pino';
import type { Clock } from '../lib/clock/index.ts';
import type { ControlKeys } from '../lib/control/index.ts';
import type { ControlServer } from '../lib/control/index.ts';
import type { Generations } from '../lib/heartbeat/index.ts';
import type { Topology } from '../topology/index.ts';
import type { LogFormat } from './logger.ts';
import type { TierStatus } from './node-status.ts';

export interface TierContext {
  readonly topology: Topology;
  /** Name of this node in the topology. */
  readonly node: string;
  readonly key: ControlKeys;
  /** Not listening yet: the tier registers its handlers on it first. */
  readonly control: ControlServer;
  readonly log: Logger;
  /** How `log` writes, for processes that a tier starts. */
  readonly logFormat: LogFormat;
  readonly clock: Clock;
  /** For the heartbeats of the tier: which generation of the topology each end of a beat runs. */
  readonly generations?: Generations;
}

/** One running node of a tier. */
export interface TierNode {
  /** Takes over a changed, valid topology; the node itself may be missing from it (then `drain` follows). */
  apply(topology: Topology): Promise<void>;
  /** Throws why it could not carry out a topology; part of phase one of a roll-out. Changes nothing. */
  check?(topology: Topology): Promise<void>;
  status(): TierStatus;
  /** Takes nothing new from now on and says so; resolves when the last established connection has ended. Idempotent. */
  drain(): Promise<void>;
  /** Ends everything now. Idempotent; also ends a pending `drain`. */
  close(): Promise<void>;
}

/** Starts a node; when it resolves, the node listens. Throws what the operator must read. */
export type StartTier = (context: TierContext) => Promise<TierNode>;
