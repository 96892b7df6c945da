import type { Endpoint } from '../lib/address/index.ts';
import type { WorkerUpstream } from './worker-protocol.ts';

/**
 * How a worker learns where a connection goes. The schedulers see all workers of the node, so the answer comes from
 * outside of the worker; this is the seam behind which another way to ask can be put.
 */
export interface Picker {
  /**
   * The upstream of a new connection, with a place on it held until `release` or `failed`; null when there is none or
   * nobody answers in time. `tried` are the ids that failed for this connection. Never rejects.
   */
  pick(service: string, client: Endpoint, tried: readonly number[]): Promise<WorkerUpstream | null>;
  /** The connection is over: its place is free again. */
  release(upstream: number): void;
  /** Connecting failed: the place is free again and the upstream is to be looked at. */
  failed(upstream: number): void;
  /** Connecting found no source port: the place is free again, and others are to be picked for a while. */
  outOfPorts(upstream: number): void;
}
