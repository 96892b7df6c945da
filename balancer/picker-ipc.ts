import type { Endpoint } from '../lib/address/index.ts';
import type { Clock } from '../lib/clock/index.ts';
import { Batcher } from './batcher.ts';
import type { Picker } from './picker.ts';
import { batchEntries, type PickRequest, type WorkerUpstream } from './worker-protocol.ts';

/** Most picks waiting for an answer; twice the accept queue, so that it bites only when the supervisor hangs. */
export const maxOutstandingPicks = 8_192;

/** How long a pick waits for its answer. The supervisor answers in microseconds; a client waits no longer than this. */
export const pickTimeoutMs = 3_000;

/** Each counts from start. */
export interface PickerStats {
  /** Picks refused because too many were waiting. Not expected. */
  picksRefused: number;
  /** Picks the supervisor did not answer in time. Not expected. */
  picksTimedOut: number;
}

interface Pending {
  readonly resolve: (upstream: WorkerUpstream | null) => void;
  readonly dueMs: number;
}

export interface IpcPickerOptions {
  readonly clock: Clock;
  /** Sends one batch; calls `sent` when it has left. */
  readonly send: (requests: readonly PickRequest[], sent: () => void) => void;
  /** The upstream of an id, of the running config. */
  readonly upstream: (id: number) => WorkerUpstream | undefined;
}

/** Asks the supervisor over IPC, in batches of one event loop turn. */
export class IpcPicker implements Picker {
  readonly stats: PickerStats = { picksRefused: 0, picksTimedOut: 0 };
  readonly #clock: Clock;
  readonly #upstream: (id: number) => WorkerUpstream | undefined;
  readonly #requests: Batcher<PickRequest>;
  /** In the order of asking, hence of falling due. */
  readonly #pending = new Map<number, Pending>();
  #next = 1;
  /** A timer runs for the oldest pick. */
  #timed = false;

  constructor({ clock, send, upstream }: IpcPickerOptions) {
    this.#clock = clock;
    this.#upstream = upstream;
    this.#requests = new Batcher(send, batchEntries);
  }

  pick(service: string, { host, port }: Endpoint, tried: readonly number[]): Promise<WorkerUpstream | null> {
    if (this.#pending.size >= maxOutstandingPicks) {
      this.stats.picksRefused++;
      return Promise.resolve(null);
    }
    const request = this.#next++;
    this.#requests.push(['pick', request, service, host, port, tried]);
    return new Promise((resolve) => {
      this.#pending.set(request, { resolve, dueMs: this.#clock.now() + pickTimeoutMs });
      if (!this.#timed) this.#expireIn(pickTimeoutMs);
    });
  }

  release(upstream: number): void {
    this.#requests.push(['release', upstream]);
  }

  failed(upstream: number): void {
    this.#requests.push(['failed', upstream]);
  }

  outOfPorts(upstream: number): void {
    this.#requests.push(['ports', upstream]);
  }

  /** Takes the supervisor's answers: pairs of request and upstream id laid end to end. */
  answer(answers: readonly number[]): void {
    for (let at = 0; at + 1 < answers.length; at += 2) {
      const id = answers[at + 1]!;
      const upstream = this.#upstream(id);
      const pending = this.#pending.get(answers[at]!);
      this.#pending.delete(answers[at]!);
      // A place nobody waits for any more, or on an upstream unknown here, goes back at once.
      if (id !== 0 && (pending === undefined || upstream === undefined)) this.release(id);
      pending?.resolve(upstream ?? null);
    }
  }

  #expireIn(delayMs: number): void {
    this.#timed = true;
    this.#clock.after(delayMs, () => this.#expire());
  }

  #expire(): void {
    this.#timed = false;
    const now = this.#clock.now();
    for (const [request, { resolve, dueMs }] of this.#pending) {
      if (dueMs > now) {
        this.#expireIn(dueMs - now);
        return;
      }
      this.#pending.delete(request);
      this.stats.picksTimedOut++;
      resolve(null);
    }
  }
}
