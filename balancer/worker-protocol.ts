/** What a supervisor and its workers say to each other over the IPC channel of fork(). Plain JSON. */
import type { Endpoint } from '../lib/address/index.ts';
import type { Json } from '../lib/control/index.ts';
import type { AcceptedHeaders, EngineInForce, EngineName, RelaySettings } from '../lib/relay/index.ts';
import type { ProxyProtocolSend } from '../topology/index.ts';
import type { PickPlan } from './pick-plan.ts';

/** What a worker is told once, before anything else. */
export interface WorkerStart {
  /** Most connections of this worker. */
  readonly limit: number;
  readonly engine: EngineName;
  /** Why, in one line. */
  readonly engineReason: string;
  /** The engine was asked for by name: no other may take its place. */
  readonly engineIsWish: boolean;
  /** Share the listeners' ports with the other workers. */
  readonly reusePort: boolean;
  /** Its column in the pick table, from 0; a successor in the fleet gets it again. */
  readonly place: number;
  /** The pick table as an inherited descriptor; undefined: the supervisor is asked for every pick. */
  readonly table: { readonly fd: number; readonly workers: number } | undefined;
  /** The maps that steer connections to workers, as inherited descriptors; absent: the kernel's hash finds them. */
  readonly steered?: {
    readonly descriptors: readonly [loads: number, sockets: number];
    readonly places: number;
  };
  readonly log: { readonly level: string; readonly bindings: Readonly<Record<string, unknown>> };
}

/** Where a service is listened for: at the balancer's own address, or at the VIP, as packets of dr and tun have it. */
export type ListenPlace = 'own' | 'vip';

/** One service as a worker serves it at one place. */
export interface WorkerService {
  readonly name: string;
  readonly place: ListenPlace;
  readonly endpoint: Endpoint;
  /** What clients of the service connect to, `host:port`: flow reports know it by that. */
  readonly vip: string;
  /** Number of the listener among those of the node, for steering. */
  readonly group?: number;
  readonly backlog: number;
  /** PROXY headers to expect, outermost first. */
  readonly acceptProxy: AcceptedHeaders;
  /** Directors whose own sockets connect here, and the headers they send; their connections are in no flow report. */
  readonly forwarders: { readonly peers: readonly string[]; readonly acceptProxy: AcceptedHeaders };
  /** TCP peers that may connect; null: everybody. */
  readonly allowFrom: readonly string[] | null;
  readonly sendProxy: ProxyProtocolSend;
  readonly settings: RelaySettings;
}

/** An upstream as a worker needs it: the id travels in picks, the rest stays here. */
export interface WorkerUpstream {
  readonly id: number;
  readonly key: string;
  readonly name: string;
  readonly endpoint: Endpoint;
  /** Its row in the pick table. */
  readonly row: number;
}

/** Everything a worker runs by; replaced whole. */
export interface WorkerConfig {
  /** Grows with every config; the worker names it when it has taken it over. */
  readonly revision: number;
  /** False: no listener is open any more; established connections stay. */
  readonly accepting: boolean;
  readonly services: readonly WorkerService[];
  readonly upstreams: readonly WorkerUpstream[];
  /** What is picked from, beside the pick table. */
  readonly plan: PickPlan;
  /** Addresses of this machine that connections come from, in turns; empty: the kernel chooses. */
  readonly sources: readonly string[];
}

export type ToWorker =
  | { readonly kind: 'start'; readonly start: WorkerStart }
  | { readonly kind: 'config'; readonly config: WorkerConfig }
  /** Pairs laid end to end: request number, id of the upstream picked (0: none). */
  | { readonly kind: 'answers'; readonly answers: readonly number[] }
  | { readonly kind: 'ping'; readonly beat: number }
  /** There may be room for the longest waiting client of the service, which is one of this worker. */
  | { readonly kind: 'serve'; readonly service: string }
  /** End up to `most` connections to an upstream, of these services or (undefined) all. */
  | {
      readonly kind: 'reset';
      readonly upstream: string;
      readonly services: readonly string[] | undefined;
      readonly most: number;
    };

/**
 * One entry of a batch. Where the supervisor picks: ask for an upstream; a place is free again; the same because
 * connecting failed. Where the worker picks itself: connecting failed, look at the upstream; there is room for a client
 * that waits in another worker; the service became full, or has room again. Of both: a connect found no source port, and
 * the place is free again already where the worker picks.
 */
export type WorkerRequest =
  | readonly ['pick', request: number, service: string, host: string, port: number, tried: readonly number[]]
  | readonly ['release', upstream: number]
  | readonly ['failed', upstream: number]
  | readonly ['probe', upstream: number]
  | readonly ['ports', upstream: number]
  | readonly ['room', service: string]
  | readonly ['fullness', service: string];

/** A listener that could not be opened. */
export interface ListenFailure {
  readonly service: string;
  readonly place: ListenPlace;
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

/** What a worker carries its connections with. */
export interface WorkerEngine extends EngineInForce {
  /** Most connections of this worker. */
  readonly limit: number;
}

/** A config was taken over. */
export interface WorkerApplied {
  readonly kind: 'applied';
  readonly revision: number;
  readonly engine: WorkerEngine;
  /** Services it listens for at the balancer's address. */
  readonly listening: readonly string[];
  /** Services it listens for at their VIP. */
  readonly listeningVip: readonly string[];
  readonly failures: readonly ListenFailure[];
}

export type FromWorker =
  | { readonly kind: 'requests'; readonly requests: readonly WorkerRequest[] }
  | { readonly kind: 'pong'; readonly beat: number }
  /** A frame of lib/flow-report about the connections that no director forwarded. */
  | { readonly kind: 'flows'; readonly frame: Json }
  | WorkerReport
  | WorkerApplied;

/** Most entries of one batch; a longer queue goes in several. */
export const batchEntries = 1_024;
