/** What a balancer tells each director about the connections it has. */

/** A client as packets name it: the TCP peer that the director sees, never the source of a PROXY header. */
export interface FlowClient {
  /** 4 or 16 bytes, network order; never a v4-mapped one. */
  readonly address: Uint8Array;
  readonly port: number;
}

/**
 * Place in a full listing. Everything of one balancer and service confirmed from `begin` to `end`, both included, is all
 * that it has; `part` lies between. Another `begin` begins anew. `none` is a change, which may also come in between.
 */
export type Listing = 'none' | 'begin' | 'part' | 'end';

/**
 * One report, as a forwarding plane gets it: `plane.report?.(balancer, report)`. A plane
 *
 * 1. confirms the flows of `confirmed` for this owner (they are not evictable from then on; unknown ones are restored),
 * 2. disowns the flows of `disowned` (never those of another owner),
 * 3. and at `listing: 'end'` disowns every other flow of this balancer and service that it holds as confirmed.
 *    `ListedFlows` keeps what step 3 needs.
 *
 * Reports of one balancer come in order. Flows with mode `proxy` are the director's own and in no report.
 */
export interface FlowReport {
  /** Id of the balancer, as in the forwarding table. */
  readonly balancer: string;
  /** The VIP of the service, `host:port`: what its clients connected to. Names may change under a connection. */
  readonly service: string;
  /** Connections it has: at most `clientsPerFrame`. */
  readonly confirmed: readonly FlowClient[];
  /** Connections it has no longer: at most `clientsPerFrame`. None is in both. */
  readonly disowned: readonly FlowClient[];
  readonly listing: Listing;
}

/** A report on its way, clients as keys (key.ts). */
export interface FlowFrame {
  /** 1 for the first frame of a subscription, which begins with full listings; then one more each time. */
  readonly sequence: number;
  /** As in FlowReport; only what is the same text is the same service. */
  readonly service: string;
  readonly listing: Listing;
  readonly confirmed: readonly string[];
  readonly disowned: readonly string[];
}

/** Most clients of one frame, confirmed and disowned together: 26 kB when all are IPv6. */
export const clientsPerFrame = 1_000;
