/**
 * What the cluster is, after loading: every default filled in, every unit resolved, every address canonical.
 * Immutable and deterministic; a changed topology is a new object.
 */
import type { Endpoint } from '../lib/address/index.ts';

export type Tier = 'director' | 'balancer' | 'chatserver';

/** How a balancer picks a chat server. */
export const algorithms = [
  'round-robin',
  'weighted-round-robin',
  'least-connections',
  'source-hash',
  'maglev',
  'random-two',
] as const;
export type Algorithm = (typeof algorithms)[number];

/** Where the cluster secret comes from; `file` is absolute. */
export type SecretSource = { readonly file: string } | { readonly env: string };

export interface HeartbeatSettings {
  readonly intervalMs: number;
  /** Consecutive unanswered beats that mean DOWN. */
  readonly misses: number;
  /** Consecutive good beats that end DOWN. */
  readonly rises: number;
  /** DOWN for this long means dead: what the node had is ended (promise 7). */
  readonly deadAfterMs: number;
}

/** How a node is asked whether it lives: headgate's own heartbeat, a TCP connect (with send/expect), or not at all. */
export type Probe =
  | { readonly kind: 'headgate' }
  | { readonly kind: 'tcp'; readonly port?: number; readonly send?: string; readonly expect?: string }
  | { readonly kind: 'off' };

export type ProxyProtocolAccept = 'off' | 'v1' | 'v2' | 'any';
export type ProxyProtocolSend = 'off' | 'v1' | 'v2';

/** What becomes of a chat server's established connections when it is declared DOWN. */
export type OnDown = 'keep' | 'close';

/** How a balancer picks the chat servers of a service. */
export interface Balancing {
  readonly algorithm: Algorithm;
  /** How long the share of a chat server grows that was added or came back from DOWN; 0: it has its whole share at once. */
  readonly slowStartMs: number;
  /** Clients of one balancer that may wait while every chat server is at its `maxConnections`, and for how long. */
  readonly queue: { readonly size: number; readonly timeoutMs: number };
  readonly onDown: OnDown;
}
/**
 * How directors hand connections to balancers. dr, tun and nat forward packets in the kernel, fullnat forwards them from
 * user space, proxy ends the connection and opens another. auto: the best of dr and proxy that works on the machine.
 */
export const forwardings = ['auto', 'proxy', 'dr', 'tun', 'nat', 'fullnat'] as const;
export type Forwarding = (typeof forwardings)[number];

/** What clients connect to. */
export interface Service {
  readonly name: string;
  /** The VIP. */
  readonly listen: Endpoint;
  readonly forwarding: Forwarding;
  readonly balancing: Balancing;
  /** Names, in the order of the file. */
  readonly balancers: readonly string[];
  /** Names, in the order of the file. */
  readonly chatservers: readonly string[];
  /** PROXY protocol header expected from what stands before headgate, and sent to the chat servers. */
  readonly proxyProtocol: { readonly accept: ProxyProtocolAccept; readonly send: ProxyProtocolSend };
  readonly connectTimeoutMs: number;
  /** TCP keepalive: idle time before the first probe. */
  readonly keepaliveMs: number;
  /** TCP_USER_TIMEOUT: longest time that sent data may stay unacknowledged. */
  readonly userTimeoutMs: number;
  /** Most bytes one direction of one connection may hold in the process. */
  readonly bufferBytes: number;
}

export interface Director {
  readonly name: string;
  readonly host: string;
  /** Interface that clients' packets come in at; undefined: the one that has `host`. */
  readonly interface: string | undefined;
  readonly controlPort: number;
}

/** What happens to flows that no table has room for. */
export const onFullRules = ['maglev', 'refuse'] as const;
export type OnFullRule = (typeof onFullRules)[number];

/** The flow tables of directors that forward packets. */
export interface FlowSettings {
  /** Most flows that balancers confirmed; these are never pushed out. */
  readonly capacity: number;
  /** Most flows that nobody confirmed yet; least recently used ones make room. */
  readonly unconfirmed: number;
  /** A flow of a balancer that cannot confirm may be forgotten after this silence, when the table is nearly full. */
  readonly idleMs: number;
  readonly onFull: OnFullRule;
  /** How fast clients of dead balancers are told, per second and director. */
  readonly resetsPerSecond: number;
}

export type NodeState = 'active' | 'drain';

/** Whether a draining node's deadline has passed at `nowMs` (wall clock): what it still has is closed then. */
export function isDrainOver(
  { state, drainUntilMs }: { readonly state: NodeState; readonly drainUntilMs?: number | undefined },
  nowMs: number,
): boolean {
  return state === 'drain' && drainUntilMs !== undefined && drainUntilMs <= nowMs;
}

export interface Balancer {
  readonly name: string;
  readonly host: string;
  readonly controlPort: number;
  /** Port it listens on for directors, by service name; default: the service's own port. */
  readonly ports: Readonly<Record<string, number>>;
  /** 0 takes nothing new. */
  readonly weight: number;
  readonly state: NodeState;
  /** While it drains: when its last connections are closed, milliseconds since 1970; undefined: never. */
  readonly drainUntilMs?: number | undefined;
  readonly probe: Probe;
  /** Worker processes; undefined: one per core. */
  readonly workers: number | undefined;
  /** Most connections of the node; undefined: what its engine usually carries (balancer/worker-plan.ts). */
  readonly maxConnections: number | undefined;
  /** What carries the bytes. */
  readonly engine: 'auto' | 'node' | 'uring';
  /** Addresses connections to chat servers come from; empty: the kernel chooses. */
  readonly sources: readonly string[];
}

export interface ChatServer {
  readonly name: string;
  readonly address: Endpoint;
  readonly controlPort: number;
  readonly weight: number;
  readonly state: NodeState;
  /** While it drains: when its last connections are closed, milliseconds since 1970; undefined: never. */
  readonly drainUntilMs?: number | undefined;
  readonly probe: Probe;
  /** Most connections one balancer may have to it, over all services; undefined: as many as come. */
  readonly maxConnections: number | undefined;
  /** Takes new connections only while every other chat server of the service is down. */
  readonly backup: boolean;
}

export interface Topology {
  readonly version: 1;
  readonly cluster: string;
  readonly secret: SecretSource;
  /** The same as the file says it, so that the places of two files can be compared: `file` may be relative. */
  readonly secretAsWritten: SecretSource;
  /** Keys the directors' hash: 32 hexadecimal digits (16 bytes). */
  readonly hashKey: string;
  /** True when `hashKey` was derived from the cluster's name because the file sets none. */
  readonly hashKeyIsDefault: boolean;
  readonly heartbeat: HeartbeatSettings;
  readonly flows: FlowSettings;
  /** How long a node that got SIGTERM waits for its established connections. */
  readonly graceMs: number;
  readonly services: readonly Service[];
  readonly directors: readonly Director[];
  readonly balancers: readonly Balancer[];
  readonly chatservers: readonly ChatServer[];
  /** First 16 hexadecimal digits of the SHA-256 over the meaning of the file; comments and layout do not change it. */
  readonly hash: string;
}
