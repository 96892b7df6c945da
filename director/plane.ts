/** A forwarding plane carries out a forwarding table. Planes: proxy, and those that forward packets. */
import type { Endpoint } from '../lib/address/index.ts';
import type { FlowReport } from '../lib/flow-report/index.ts';
import type { HeartbeatTarget } from '../lib/heartbeat/index.ts';
import type { ServiceMode } from './forwarding-mode.ts';
import type { ForwardingTable } from './forwarding-table.ts';

/** Each counts from start; the comment says whether it is expected to move in production. */
export interface PlaneServiceStats {
  /** New connections taken. Expected. */
  accepted: number;
  /** Connections refused because no balancer was eligible. Not expected. */
  refusedNoBalancer: number;
  /** Connections refused because every eligible balancer was tried and failed. Not expected. */
  refusedUnreachable: number;
  /** Established now. */
  connections: number;
}

export interface PlaneStats {
  /** All services together, removed ones included. */
  readonly total: Readonly<PlaneServiceStats>;
  readonly services: Readonly<Record<string, Readonly<PlaneServiceStats>>>;
  /** Live connections (flows) by balancer id. */
  readonly balancers: Readonly<Record<string, number>>;
  /** When, by the clock, counting `balancers` began: what came later is not in it. Undefined: it is of this moment. */
  readonly countedMs?: number;
  /** Most connections it carries. */
  readonly limit: number;
  /** Connections refused because the plane was full, whatever their service. Not expected. */
  readonly refusedFull: number;
  /** Anything else the plane counts, by name. */
  readonly counters: Readonly<Record<string, number>>;
}

/** One flow the plane knows: a client's connection and the balancer it began with. */
export interface Flow {
  readonly service: string;
  /** `host:port`. */
  readonly client: string;
  /** Id of the balancer. */
  readonly balancer: string;
}

/** A flow as a plane finds it when it is asked for one client. */
export interface FoundFlow {
  /** Id of the balancer. */
  readonly balancer: string;
  readonly mode: ServiceMode;
  readonly state: 'opening' | 'established' | 'closing';
  /** Whether it is sure to stay: in the table that nothing pushes out. */
  readonly confirmed: boolean;
}

/** One line per fact, for status. */
export interface PlaneDetail {
  /** `proxy`, `xdp native on eth0`. */
  readonly plane: string;
  readonly flows?: { readonly confirmed: number; readonly unconfirmed: number; readonly capacity: number };
}

/** What the maps of an earlier process of this director say; empty when there was none. */
export interface PlaneMemory {
  /** Mode in force by VIP, `host:port`. */
  readonly modes: ReadonlyMap<string, ServiceMode>;
  /** Ids of the balancers that got new connections, by VIP. */
  readonly eligible: ReadonlyMap<string, ReadonlySet<string>>;
  /** Ids of balancers that were dead. */
  readonly dead: ReadonlySet<string>;
  /** Every balancer that was known, and how it is asked whether it lives. */
  readonly balancers: readonly { readonly id: string; readonly target: HeartbeatTarget }[];
}

export interface ForwardingPlane {
  readonly name: string;
  /**
   * Replaces the running table. Established connections stay where they are; those to dead balancers are ended, paced.
   * Throws HEADGATE_DIRECTOR_APPLY when a part could not be applied; all other parts then are. May be called again.
   */
  apply(table: ForwardingTable): Promise<void>;
  stats(): PlaneStats;
  /** At most `most` flows. */
  flows(most: number): readonly Flow[];
  /** The flow of one client with a service, if there is one. */
  find(service: string, client: Endpoint): FoundFlow | undefined;
  detail(): readonly PlaneDetail[];
  /**
   * Takes a balancer's word about its connections, as FlowReport says. Reports of one balancer come in order. Planes that
   * end connections themselves have no use for it, and then no balancer is asked for reports.
   */
  readonly report?: ((balancer: string, report: FlowReport) => void) | undefined;
  /** Takes nothing new; resolves when the last flow has ended. */
  drain(): Promise<void>;
  /** Ends everything. Idempotent. */
  close(): Promise<void>;
}
