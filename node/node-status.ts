/** What a node tells of itself, and the request that asks for it. */
import type { ControlServerStats } from '../lib/control/index.ts';
import type { HealthState, ServiceReadiness } from '../lib/heartbeat/index.ts';
import type { RolloutStatus } from './rollout/messages.ts';
import type { KeyState } from './rotation/messages.ts';
import type { Tier } from '../topology/index.ts';

/** Control request whose answer is a NodeStatus. */
export const statusMethod = 'status';

/** One node of the tier behind, as its watcher sees it. */
export interface WatchedNode {
  readonly node: string;
  readonly tier: Tier;
  readonly state: HealthState;
  readonly misses: number;
  readonly dead: boolean;
  /** Readiness by service, as it last answered; empty for foreign probes. */
  readonly services: Readonly<Record<string, ServiceReadiness>>;
  /** Live connections from this watcher to the node. */
  readonly connections: number;
  /** True when the topology drains it, or it was removed and still has connections. */
  readonly draining: boolean;
  /** Most connections from this watcher; absent: no limit. */
  readonly maxConnections?: number;
  /** Present and true for a backup. */
  readonly backup?: boolean;
  /** Hundredths of its share, while it starts slowly. */
  readonly share?: number;
  readonly lastFailure: string;
}

/** How a director forwards; flow counts are those of the last walk over the tables. */
export interface ForwardingStatus {
  readonly services: readonly {
    readonly service: string;
    /** What the topology says. */
    readonly wanted: string;
    /** What is in force for new connections. */
    readonly mode: string;
    /** Why, in one clause; empty when the topology says so. */
    readonly why: string;
  }[];
  readonly planes: readonly {
    /** `proxy`, `xdp native on eth0`. */
    readonly plane: string;
    readonly flows?: {
      readonly confirmed: number;
      readonly unconfirmed: number;
      /** Most confirmed flows. */
      readonly capacity: number;
    };
  }[];
}

/** The part of a status that the tier itself knows. */
export interface TierStatus {
  readonly draining: boolean;
  /** Live client connections. */
  readonly connections: number;
  /** Accepted since start. */
  readonly accepted: number;
  /** New connections per second, over the last five seconds. */
  readonly newPerSecond: number;
  /** Most connections it carries. */
  readonly limit: number;
  /** What carries the bytes of its connections, where it is the node's own processes that do; and why that. */
  readonly engine?: { readonly name: string; readonly reason: string };
  /** How new connections find a worker, where there are several; and why so. */
  readonly spreading?: { readonly by: 'load' | 'hash'; readonly reason: string };
  /** Named counters from start; docs/counters.md explains each. */
  readonly counters: Readonly<Record<string, number>>;
  readonly watches: readonly WatchedNode[];
  /** Clients that wait for a place on a chat server, by service; services without any are left out. */
  readonly waiting?: Readonly<Record<string, number>>;
  /** Of directors. */
  readonly forwarding?: ForwardingStatus;
  /** Worker processes, where there are any. */
  readonly workers?: readonly {
    readonly pid: number;
    readonly connections: number;
    readonly misses: number;
  }[];
}

export interface NodeStatus extends TierStatus {
  readonly node: string;
  readonly tier: Tier;
  readonly pid: number;
  readonly version: string;
  readonly uptimeMs: number;
  /** Content hash of the topology it runs. */
  readonly topology: string;
  /** Which roll-out it holds; nodes of older versions do not tell. */
  readonly rollout?: RolloutStatus;
  /** Ids of the cluster secrets it holds, and where they are kept; nodes of older versions do not tell. */
  readonly keys?: KeyState;
  /** Clients refused and connections ended by us in the last minute. */
  readonly troublesLastMinute?: number;
  /** Admin requests refused because one address sent too many. Not expected. */
  readonly adminRefused?: number;
  /** Lines of its own log that could not be written and were not kept; nodes of older versions do not tell. Not expected. */
  readonly logLinesDropped?: number;
  /** The topology file it watches. */
  readonly file: string;
  /** Counters of the control channel; docs/counters.md explains each. */
  readonly control: ControlServerStats;
}

/** Control request whose answer is a ClusterStatus: the asked node asks every other. */
export const clusterStatusMethod = 'cluster-status';
