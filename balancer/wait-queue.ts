import type { Timer } from '../lib/clock/index.ts';
import type { Picked, PickRequest } from './picker.ts';

/** A client that waits for a place. */
export interface Waiter {
  readonly request: PickRequest;
  /** Its number in the service's line, over all workers. */
  readonly ticket: number;
  /** Ends its patience. */
  readonly timer: Timer;
  readonly resolve: (picked: Picked) => void;
}

/** One worker's clients that wait, by service in the order of their tickets. Bounded by whoever lets them join. */
export class WaitQueue {
  readonly #lines = new Map<string, Map<number, Waiter>>();
  readonly #services = new Map<number, string>();
  readonly #changed: (service: string, waiting: number, oldest: number) => void;

  /** `changed` is told how many wait for a service, and the ticket of the first (0: nobody). */
  constructor(changed: (service: string, waiting: number, oldest: number) => void) {
    this.#changed = changed;
  }

  get size(): number {
    return this.#services.size;
  }

  /** Services somebody waits for. */
  services(): readonly string[] {
    return [...this.#lines.keys()];
  }

  first(service: string): Waiter | undefined {
    return this.#lines.get(service)?.values().next().value;
  }

  join(waiter: Waiter): void {
    const { service, connection } = waiter.request;
    const line = this.#lines.get(service) ?? new Map<number, Waiter>();
    this.#lines.set(service, line.set(connection, waiter));
    this.#services.set(connection, service);
    this.#tell(service);
  }

  /** Takes a client out; undefined when it does not wait. */
  leave(connection: number): Waiter | undefined {
    const service = this.#services.get(connection);
    const line = service === undefined ? undefined : this.#lines.get(service);
    if (service === undefined || line === undefined) return undefined;
    const waiter = line.get(connection);
    line.delete(connection);
    this.#services.delete(connection);
    if (line.size === 0) this.#lines.delete(service);
    this.#tell(service);
    return waiter;
  }

  /** Takes everybody of a service out. */
  clear(service: string): readonly Waiter[] {
    const waiters = [...(this.#lines.get(service)?.values() ?? [])];
    for (const { request } of waiters) this.leave(request.connection);
    return waiters;
  }

  #tell(service: string): void {
    this.#changed(service, this.#lines.get(service)?.size ?? 0, this.first(service)?.ticket ?? 0);
  }
}
