/** What a supervisor and its workers say to each other over the IPC channel of fork(). Plain JSON. */
import type { Endpoint } from '../lib/address/index.ts';
import type { EngineName, RelaySettings } from '../lib/relay/index.ts';
import type { ProxyProtocolSend } from '../topology/index.ts';

/** What a worker is told once, before anything else. */
export interface WorkerStart {
  /** Most connections of this worker. */
  readonly limit: number;
  readonly engine: EngineName;
  /** The engine was asked for by name: no other may take its place. */
  readonly engineIsWish: boolean;
  /** Number of the worker among those of the node, from 0; whoever replaces it has the same. */
  readonly place: number;
  /** How many places there are, when the listeners are steered by load; its descriptors are in worker-process.ts. */
  readonly steered?: number;
  /** Share the listeners' ports with the other workers. */
  readonly reusePort: boolean;
  readonly log: { readonly level: string; readonly bindings: Readonly<Record<string, unknown>> };
}

/** One service as a worker serves it. */
export interface WorkerService {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** Number of the listener among those of the node, for steering. */
  readonly group?: number;
  readonly backlog: number;
  /** PROXY headers to expect, outermost first. */
  readonly acceptProxy: readonly ('v1' | 'v2' | 'any')[];
  /** TCP peers that may connect. */
  readonly allowFrom: readonly string[];
  readonly sendProxy: ProxyProtocolSend;
  readonly settings: RelaySettings;
}

/** An upstream as a worker needs it: the id travels in picks, the rest stays here. */
export interface WorkerUpstream {
  readonly id: number;
  readonly key: string;
  readonly name: string;
  readonly endpoint: Endpoint;
}

/** Everything a worker runs by; replaced whole. */
export interface WorkerConfig {
  /** Grows with every config; the worker names it when it has taken it over. */
  readonly revision: number;
  /** False: no listener is open any more; established connections stay. */
  readonly accepting: boolean;
  readonly services: readonly WorkerService[];
  readonly upstreams: readonly WorkerUpstream[];
  /** Addresses of this machine that connections come from, in turns; empty: the kernel chooses. */
  readonly sources: readonly string[];
}

export type ToWorker =
  | { readonly kind: 'start'; readonly start: WorkerStart }
  | { readonly kind: 'config'; readonly config: WorkerConfig }
  /** Pairs laid end to end: request number, id of the upstream picked (0: none). */
  | { readonly kind: 'answers'; readonly answers: readonly number[] }
  | { readonly kind: 'ping'; readonly beat: number }
  /** End up to `most` connections to an upstream that is dead. */
  | { readonly kind: 'reset'; readonly upstream: string; readonly most: number };

/** One entry of a batch: ask for an upstream; a place is free again; the same because connecting failed, or found no port. */
export type PickRequest =
  | readonly ['pick', request: number, service: string, host: string, port: number, tried: readonly number[]]
  | readonly ['release', upstream: number]
  | readonly ['failed', upstream: number]
  | readonly ['ports', upstream: number];

/** A listener that could not be opened. */
export interface ListenFailure {
  readonly service: string;
  /** Code of the HeadgateError, empty when it was another error. */
  readonly code: string;
  readonly message: string;
  readonly cure: string;
}

/** A worker's numbers. */
export interface WorkerReport {
  readonly kind: 'report';
  /** Live connections. */
  readonly connections: number;
  /** Live connections by service. */
  readonly services: Readonly<Record<string, number>>;
  /** Takes no more, until it has some room again. */
  readonly full: boolean;
  /** Change of each counter since the last report. */
  readonly counters: Readonly<Record<string, number>>;
}

/** A config was taken over. */
export interface WorkerApplied {
  readonly kind: 'applied';
  readonly revision: number;
  /** Services it listens for. */
  readonly listening: readonly string[];
  readonly failures: readonly ListenFailure[];
}

export type FromWorker =
  | { readonly kind: 'requests'; readonly requests: readonly PickRequest[] }
  | { readonly kind: 'pong'; readonly beat: number }
  | WorkerReport
  | WorkerApplied;

/** Most entries of one batch; a longer queue goes in several. */
export const batchEntries = 1_024;
