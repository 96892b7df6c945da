import type { Algorithm } from '../topology/index.ts';
import type { Candidate } from './scheduler.ts';

/** A chat server that a service may pick: what of it does not change within a generation. */
export interface PlannedCandidate extends Candidate {
  /** Id of the upstream. */
  readonly id: number;
  /** Its row in the pick table: limit and connections. */
  readonly row: number;
  /** Its cell in the pick table: level, share and the scheduler's value, of this service. */
  readonly cell: number;
  readonly backup: boolean;
}

export interface PlannedService {
  readonly name: string;
  /** Its place in the pick table; kept as long as the service exists. */
  readonly index: number;
  readonly algorithm: Algorithm;
  readonly queue: { readonly size: number; readonly timeoutMs: number };
  /** Some candidate has a limit: connections may have to wait. */
  readonly limited: boolean;
  /** In the order of the service's list; only those with a weight that are not drained. */
  readonly candidates: readonly PlannedCandidate[];
}

/**
 * The part of the scheduling that changes with the topology only; workers get it as a message. The pick table carries
 * the generation it is laid out for, so that a worker whose plan is older or newer notices and waits for its message.
 */
export interface PickPlan {
  readonly generation: number;
  readonly hashKey: string;
  readonly services: readonly PlannedService[];
}

export const emptyPlan: PickPlan = { generation: 0, hashKey: '00'.repeat(16), services: [] };
