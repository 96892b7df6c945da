/** A forwarding plane carries out a forwarding table. Planes: proxy, and those that forward packets. */
import type { Endpoint } from '../lib/address/index.ts';
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

/** What a balancer says of its connections: it has the last word about them. */
export interface FlowReport {
  /** By name of the service. Clients as the balancer sees them. */
  readonly services: Readonly<Record<string, ReportedFlows>>;
  /** Of a listing of everything: what it does not confirm, the balancer does not have. */
  readonly full: boolean;
}

export interface ReportedFlows {
  /** Clients whose connection is established there. */
  readonly confirmed: readonly Endpoint[];
  /** Clients whose connection has ended. */
  readonly disowned: readonly Endpoint[];
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
  /** Takes a balancer's word about its connections; planes that end connections themselves have no use for it. */
  report?(balancer: string, report: FlowReport): void;
  /** Takes nothing new; resolves when the last flow has ended. */
  drain(): Promise<void>;
  /** Ends everything. Idempotent. */
  close(): Promise<void>;
}
