/** What balancers say of their connections, on its way to the forwarding plane. */
import type { Logger } from 'pino';
import type { ControlConnection } from '../lib/control/index.ts';
import { describeError } from '../lib/errors/index.ts';
import { subscribeFlows, type FlowReport, type FlowSubscription } from '../lib/flow-report/index.ts';
import type { ForwardingPlane } from './plane.ts';

export interface FlowReportsOptions {
  /** The plane at present. */
  readonly plane: () => Pick<ForwardingPlane, 'report'>;
  readonly log: Logger;
}

/** Each counts from start. */
export interface FlowReportStats {
  /** Reports of balancers taken. Expected with planes that forward packets. */
  flowReports: number;
  /** Times that reports of a balancer were lost or not to be had. Not expected. */
  flowReportTroubles: number;
}

/** Subscribes at balancers while the plane wants reports: on their heartbeat connections, which outlast planes. */
export class FlowReports {
  readonly stats: FlowReportStats = { flowReports: 0, flowReportTroubles: 0 };
  readonly #options: FlowReportsOptions;
  /** Connections that live; undefined while no plane wanted reports. */
  readonly #connections = new Map<ControlConnection, { id: string; subscription?: FlowSubscription }>();

  constructor(options: FlowReportsOptions) {
    this.#options = options;
  }

  /** A connection to a balancer was made; for `onConnection` of the heartbeats. */
  connected(id: string, connection: ControlConnection): void {
    this.#connections.set(connection, { id });
    connection.onClose(() => this.#connections.delete(connection));
    this.#subscribe(connection);
  }

  /** Another plane took over, or this one lost what it knew: every balancer is to tell everything again. */
  relist(): void {
    for (const [connection, { subscription }] of this.#connections) {
      if (subscription === undefined) this.#subscribe(connection);
      else subscription.relist();
    }
  }

  #subscribe(connection: ControlConnection): void {
    const known = this.#connections.get(connection);
    if (known === undefined || this.#options.plane().report === undefined) return;
    const { id } = known;
    known.subscription = subscribeFlows(connection, {
      balancer: id,
      onReport: (report) => this.#report(id, report),
      onTrouble: (why) => this.#trouble(id, why),
    });
  }

  #report(id: string, report: FlowReport): void {
    this.stats.flowReports++;
    try {
      this.#options.plane().report?.(id, report);
    } catch (error) {
      this.#trouble(id, `it was not taken: ${describeError(error)}`);
    }
  }

  #trouble(id: string, why: string): void {
    this.stats.flowReportTroubles++;
    this.#options.log.warn({ target: id }, `flow reports of ${id}: ${why}`);
  }
}
