/**
 * A relay accepts connections, asks where each one goes, connects there (trying another destination when that
 * fails) and joins the two until both directions have ended. Engines: `node` (portable), `uring` (Linux).
 */
import type { Endpoint } from '../address/index.ts';
import type { Clock } from '../clock/index.ts';
import type { HeadgateError } from '../errors/index.ts';

/** TCP behaviour of the connections of one listener. */
export interface RelaySettings {
  readonly connectTimeoutMs: number;
  /** Idle time before keepalive probes, both sides; 0: none. Shortened where `userTimeoutMs` needs it (keepalive.ts). */
  readonly keepaliveMs: number;
  /** TCP_USER_TIMEOUT, both sides; 0: the kernel's own. Needs Linux, ignored elsewhere. */
  readonly userTimeoutMs: number;
  /** Most bytes one direction may hold in the process; at least 64 KiB, the size of one read. */
  readonly bufferBytes: number;
  /** How long a client may take to send an expected PROXY header. */
  readonly headerTimeoutMs: number;
}

/** PROXY protocol headers to strip, outermost first; empty: none is expected. The innermost names the client. */
export type AcceptedHeaders = readonly ('v1' | 'v2' | 'any')[];

export interface ListenSpec {
  /** Name of the service; one listener per name and endpoint. */
  readonly service: string;
  readonly endpoint: Endpoint;
  /** What its clients connect to, `host:port`, wherever this listener is; each keeps it. Default: it does not matter. */
  readonly vip?: string | undefined;
  /** Length of the accept queue. */
  readonly backlog: number;
  /** Share the port with other processes (SO_REUSEPORT; Linux only). */
  readonly reusePort: boolean;
  readonly acceptProxy: AcceptedHeaders;
  /** TCP peers whose connections are those of others, and the headers they must send instead of `acceptProxy`. */
  readonly forwarders?: { readonly peers: ReadonlySet<string>; readonly acceptProxy: AcceptedHeaders };
  /** TCP peers that may connect; undefined: everybody. Others get RST and are counted. */
  readonly allowFrom?: ReadonlySet<string>;
  readonly settings: RelaySettings;
}

/** What of a listener may change while it listens. */
export type ListenSettings = Pick<
  ListenSpec,
  'vip' | 'acceptProxy' | 'forwarders' | 'allowFrom' | 'settings'
>;

/** One accepted connection, before it has a destination. */
export interface RelayClient {
  /** Unique in this relay. */
  readonly id: number;
  readonly service: string;
  /** `vip` of its listener when it was accepted. */
  readonly vip?: string | undefined;
  /** The client: from the PROXY header when one was accepted, else the TCP peer. */
  readonly source: Endpoint;
  /** The other end of the TCP connection, whatever a header says. */
  readonly peer: Endpoint;
  /** Whether the peer is one of `forwarders`. */
  readonly forwarded: boolean;
  /** What the client connected to: from the PROXY header, else the local end. */
  readonly destination: Endpoint;
}

export interface Destination {
  /** Name of the node, for records, retries and `reset`. */
  readonly id: string;
  readonly endpoint: Endpoint;
  /** Address of this machine that the connection comes from; default: the kernel's choice. */
  readonly localAddress?: string;
  /** Bytes sent before the client's (a PROXY header). */
  readonly preface?: Uint8Array;
}

/** Decides where connections go; owned by the director's proxy plane or the balancer's worker. */
export interface Router {
  /**
   * Where this client goes; `tried` are the ids that failed for it already. Null: nowhere (the client gets RST).
   * A rejection counts as null. The answer holds a place on the destination until `failed` or `ended` is called.
   */
  route(client: RelayClient, tried: readonly string[]): Destination | null | Promise<Destination | null>;
  /** The destination's connection is established. */
  connected?(client: RelayClient, destination: Destination): void;
  /**
   * Connecting to it failed. `error.code` is HEADGATE_RELAY_CONNECT_REFUSED or _CONNECT_TIMEOUT; _CONNECT_LOCAL when the
   * fault is here (no descriptors, no ports); _CLIENT_GONE when the client left first (a late answer of `route` comes
   * back this way, after `ended`); _CLOSED when the relay was closed. Only the first two say something of the destination.
   */
  failed(client: RelayClient, destination: Destination, error: HeadgateError): void;
  /** The connection is over, also when it never reached a destination. Exactly once per accepted connection. */
  ended(record: ConnectionRecord): void;
}

/** Why a connection ended. */
export type EndReason =
  | 'finished' // both ends sent FIN
  | 'client-reset'
  | 'destination-reset'
  | 'client-timeout' // keepalive or user timeout
  | 'destination-timeout'
  | 'no-destination' // route() said null
  | 'connect-failed' // every destination tried failed
  | 'client-gone' // before a destination was connected
  | 'bad-header' // the PROXY header was wrong or late
  | 'dead' // reset(): the destination was declared dead
  | 'closed'; // the relay was closed

/** What is told about each connection that ended. */
export interface ConnectionRecord {
  readonly client: RelayClient;
  /** Null when it never reached one. */
  readonly destination: Destination | null;
  /** Bytes read from the client for the destination, header bytes not counted. */
  readonly bytesUp: number;
  /** Destination → client. */
  readonly bytesDown: number;
  readonly durationMs: number;
  /** Destinations that failed before. */
  readonly retries: number;
  readonly reason: EndReason;
}

/** Each counts from start; the comment says whether it is expected to move in production. */
export interface RelayStats {
  /** Clients accepted, those refused by `limit`, `allowFrom` or for want of descriptors not counted. Expected. */
  accepted: number;
  /** Clients refused with RST because `limit` was reached. Not expected. */
  refusedFull: number;
  /** Clients refused because of `allowFrom`. Not expected. */
  refusedPeer: number;
  /** Clients refused because no destination took them. Not expected. */
  refusedNoDestination: number;
  /** Clients refused because their PROXY header was wrong or late. Not expected. */
  refusedHeader: number;
  /** Connects to a destination that failed. Rare. */
  connectFailures: number;
  /** Times accept or connect ran out of descriptors. Not expected. */
  descriptorsExhausted: number;
  /** Exceptions and rejections of the router. Not expected. */
  routerErrors: number;
  /** Connections accepted and not ended, now. */
  connections: number;
  /** Payload bytes client → destination. */
  bytesUp: number;
  bytesDown: number;
}

export interface RelayListener {
  /** As asked for; a port of 0 is replaced by the one that was given. */
  readonly spec: ListenSpec;
  /** The listening socket while it is open, on systems that have descriptors. It stays the listener's own. */
  readonly descriptor?: number | undefined;
  /** Takes over new settings for connections accepted from now on. */
  update(settings: ListenSettings): void;
  /**
   * Stops accepting; established connections stay. What waits in the accept queue at the call is still taken (Linux);
   * a client whose handshake ends during the close itself gets RST from the kernel. Idempotent.
   */
  close(): Promise<void>;
}

export interface Relay {
  readonly engine: string;
  /** Most connections at one time; beyond it new clients get RST. */
  readonly limit: number;
  /** Throws HEADGATE_RELAY_PORT_TAKEN and others with the cure. */
  listen(spec: ListenSpec): Promise<RelayListener>;
  stats(): RelayStats;
  /** Counters of the engine's own, by name, for people who look into it; absent where there are none. */
  engineStats?(): Readonly<Record<string, number>>;
  /** Ids of the destinations with established connections, and how many. */
  destinations(): ReadonlyMap<string, number>;
  /** Ends up to `most` connections to a destination, oldest first, with RST to both; returns how many it ended. */
  reset(destination: string, most: number): number;
  /** Runs `run` when no connection is left (at once when there is none). */
  onIdle(run: () => void): void;
  /** Closes listeners and resets what is left. */
  close(): Promise<void>;
}

export interface RelayOptions {
  readonly router: Router;
  /** Most connections at one time. See `connectionLimit()`. */
  readonly limit: number;
  /** For timeouts and durations; default: the machine's. */
  readonly clock?: Clock;
  /** Told what the router threw; each is counted as `routerErrors` as well. */
  readonly onRouterError?: (error: unknown) => void;
}

/** An engine makes relays; the tests of the relay run over every engine. */
export type CreateRelay = (options: RelayOptions) => Relay;
