/** A forwarding plane carries out a forwarding table. Planes: proxy (here), later xdp and raw. */
import type { ForwardingTable } from './forwarding-table.ts';

/** Each counts from start, per service. */
export interface PlaneServiceStats {
  /** New connections taken. Expected. */
  accepted: number;
  /** Connections refused because no balancer was eligible. Not expected. */
  refusedNoBalancer: number;
  /** Connections refused because the plane was full. Not expected. */
  refusedFull: number;
  /** Established now. */
  connections: number;
}

export interface PlaneStats {
  readonly services: Readonly<Record<string, PlaneServiceStats>>;
  /** Live connections (flows) by balancer. */
  readonly balancers: Readonly<Record<string, number>>;
  /** Most connections it carries. */
  readonly limit: number;
  /** Anything else the plane counts, by name. */
  readonly counters: Readonly<Record<string, number>>;
}

/** One flow the plane knows: a client's connection and the balancer it began with. */
export interface Flow {
  readonly service: string;
  readonly client: string;
  readonly balancer: string;
}

export interface ForwardingPlane {
  readonly name: string;
  /** Replaces the running table. Established connections stay where they are; those to dead balancers are ended, paced. */
  apply(table: ForwardingTable): Promise<void>;
  stats(): PlaneStats;
  /** At most `most` flows. */
  flows(most: number): readonly Flow[];
  /** Takes nothing new; resolves when the last flow has ended. */
  drain(): Promise<void>;
  close(): Promise<void>;
}
