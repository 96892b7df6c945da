import type { Endpoint } from '../lib/address/index.ts';
import type { WorkerUpstream } from './worker-protocol.ts';

/** A connection that wants a chat server. */
export interface PickRequest {
  readonly service: string;
  readonly client: Endpoint;
  /** Ids that failed for this connection. */
  readonly tried: readonly number[];
  /** Number of the connection, unique in its worker. */
  readonly connection: number;
}

/** The upstream, or null: nobody can take it, or not in time. */
export type Picked = WorkerUpstream | null;

/** How a worker learns where a connection goes: out of memory it shares with the others, or from the supervisor. */
export interface Picker {
  /** Each counts from start; docs/counters.md explains each. */
  readonly stats: Readonly<Record<string, number>>;
  /** The upstream of a connection, with a place on it held until `release` or `failed`. Never rejects. */
  pick(request: PickRequest): Picked | Promise<Picked>;
  /** The connection is gone; whatever it still waits for is void. */
  leave(connection: number): void;
  /** The connection is over: its place is free again. */
  release(upstream: number): void;
  /** Connecting failed: the place is free again and the upstream is to be looked at. */
  failed(upstream: number): void;
  /** Connecting found no source port: the place is free again, and others are to be picked for a while. */
  outOfPorts(upstream: number): void;
}
