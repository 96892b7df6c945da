import type { Clock } from '../lib/clock/index.ts';
import { Batcher } from './batcher.ts';
import type { Picked, Picker, PickRequest } from './picker.ts';
import { batchEntries, type WorkerRequest, type WorkerUpstream } from './worker-protocol.ts';

/** Most picks waiting for an answer; twice the accept queue, so that it bites only when the supervisor hangs. */
export const maxOutstandingPicks = 8_192;

/** How long a pick waits for its answer. The supervisor answers in microseconds; a client waits no longer than this. */
export const pickTimeoutMs = 3_000;

/** Each counts from start. */
interface IpcPickerStats extends Record<string, number> {
  /** Picks refused because too many were waiting. Not expected. */
  picksRefused: number;
  /** Picks the supervisor did not answer in time. Not expected. */
  picksTimedOut: number;
}

interface Pending {
  readonly resolve: (upstream: Picked) => void;
  readonly dueMs: number;
}

export interface IpcPickerOptions {
  readonly clock: Clock;
  /** Sends one batch; calls `sent` when it has left. */
  readonly send: (requests: readonly WorkerRequest[], sent: () => void) => void;
  /** The upstream of an id, of the running config. */
  readonly upstream: (id: number) => WorkerUpstream | undefined;
}

/** Asks the supervisor over IPC, in batches of one event loop turn: where memory cannot be shared. Nobody waits in a queue then. */
export class IpcPicker implements Picker {
  readonly stats: IpcPickerStats = { picksRefused: 0, picksTimedOut: 0 };
  readonly #clock: Clock;
  readonly #upstream: (id: number) => WorkerUpstream | undefined;
  readonly #requests: Batcher<WorkerRequest>;
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

  pick({ service, client: { host, port }, tried }: PickRequest): Promise<Picked> {
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

  /** Nothing to do: an answer that comes too late is given back by whoever asked. */
  leave(): void {}

  release(upstream: number): void {
    this.#requests.push(['release', upstream]);
  }

  failed(upstream: number): void {
    this.#requests.push(['failed', upstream]);
  }

  outOfPorts(upstream: number): void {
    this.release(upstream);
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
