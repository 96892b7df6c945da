/** A forwarding plane carries out a forwarding table. Planes: proxy, and those that forward packets. */
import type { FlowReport } from '../lib/flow-report/index.ts';
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
  /**
   * Takes a balancer's word about its connections, as FlowReport says. Reports of one balancer come in order. Planes that
   * end connections themselves have no use for it, and then no balancer is asked for reports.
   */
  report?(balancer: string, report: FlowReport): void;
  /** Takes nothing new; resolves when the last flow has ended. */
  drain(): Promise<void>;
  /** Ends everything. Idempotent. */
  close(): Promise<void>;
}
