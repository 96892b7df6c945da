import type { Clock } from '../lib/clock/index.ts';
import type { Json } from '../lib/control/index.ts';
import { endpointKey, FlowSending, frameBody, LiveFlows } from '../lib/flow-report/index.ts';
import type { RelayClient } from '../lib/relay/index.ts';

export interface WorkerFlowsOptions {
  readonly clock: Clock;
  /** Sends one frame; calls `sent` when it has left. */
  readonly send: (frame: Json, sent: () => void) => void;
}

/** Tells the supervisor which clients this worker has, by their TCP end: those that no director's socket stands for. */
export class WorkerFlows {
  readonly #live: LiveFlows;
  readonly #sending: FlowSending;

  constructor({ clock, send }: WorkerFlowsOptions) {
    this.#live = new LiveFlows((service, key, isLive) => this.#sending.changed(service, key, isLive));
    this.#sending = new FlowSending({
      source: this.#live,
      clock,
      send(frame, sent) {
        send(frameBody(frame), sent);
        return true;
      },
    });
  }

  began({ forwarded, vip, peer }: RelayClient): void {
    if (!forwarded && vip !== undefined) this.#live.opened(vip, endpointKey(peer));
  }

  /** For each client that began. */
  ended({ forwarded, vip, peer }: RelayClient): void {
    if (!forwarded && vip !== undefined) this.#live.ended(vip, endpointKey(peer));
  }

  /** Backlogs dropped because the supervisor did not read. */
  get dropped(): number {
    return this.#sending.dropped;
  }

  close(): void {
    this.#sending.close();
  }
}
