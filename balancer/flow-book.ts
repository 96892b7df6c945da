import { FlowReceiver, ListedKeys, type FlowListener, type FlowSource } from '../lib/flow-report/index.ts';

/** Services remembered, each by its VIP; a topology has at most 64. */
const mostServices = 1_024;

/** Who holds a client: the id of a worker, or of several (a port used again before its end was told; VIP and own address). */
type Holders = number | readonly number[];

interface FromWorker {
  readonly receiver: FlowReceiver;
  /** By service. */
  readonly services: Map<string, { readonly listed: ListedKeys; held: number }>;
}

/**
 * The clients of all workers, by service and key. Each worker tells its own (worker-flows.ts); a client ends with its
 * last holder, and a worker that is gone holds nothing.
 */
export class FlowBook implements FlowSource {
  readonly #flows = new Map<string, Map<string, Holders>>();
  readonly #workers = new Map<number, FromWorker>();
  readonly #capacity: number;
  readonly #onChange: FlowListener;
  #size = 0;
  /** Clients that were not taken because the workers named more than they may have. Not expected. */
  overflows = 0;

  /** At most `capacity` clients. */
  constructor(capacity: number, onChange: FlowListener) {
    this.#capacity = capacity;
    this.#onChange = onChange;
  }

  /** Those ever served or named, so that directors learn of the end of what they may still hold. */
  services(): Iterable<string> {
    return this.#flows.keys();
  }

  live(service: string): Iterable<string> {
    return this.#flows.get(service)?.keys() ?? [];
  }

  /** How many clients a service has. */
  count(service: string): number {
    return this.#flows.get(service)?.size ?? 0;
  }

  /** Remembers services that are served. */
  serve(services: readonly string[]): void {
    for (const service of services) this.#ofService(service);
  }

  /** Takes a frame of a worker; false when it is none, or one is missing. */
  take(worker: number, body: unknown): boolean {
    let from = this.#workers.get(worker);
    if (from === undefined)
      this.#workers.set(worker, (from = { receiver: new FlowReceiver(), services: new Map() }));
    const received = from.receiver.take(body);
    if (received.kind !== 'frame') return false;
    const { service, confirmed, disowned } = received.frame;
    const flows = this.#ofService(service);
    if (flows === undefined) return false;
    let own = from.services.get(service);
    if (own === undefined) from.services.set(service, (own = { listed: new ListedKeys(), held: 0 }));
    for (const key of confirmed) if (this.#hold(service, flows, key, worker)) own.held++;
    for (const key of disowned) if (this.#release(service, flows, key, worker)) own.held--;
    const listed = own.listed.take(received.frame);
    if (listed === undefined || listed.size >= own.held) return true;
    for (const key of flows.keys()) {
      if (!listed.has(key) && this.#release(service, flows, key, worker)) own.held--;
    }
    return true;
  }

  /** Releases everything a worker held. */
  workerGone(worker: number): void {
    for (const [service, { held }] of this.#workers.get(worker)?.services ?? []) {
      const flows = this.#flows.get(service);
      if (held === 0 || flows === undefined) continue;
      for (const key of flows.keys()) this.#release(service, flows, key, worker);
    }
    this.#workers.delete(worker);
  }

  #ofService(service: string): Map<string, Holders> | undefined {
    let flows = this.#flows.get(service);
    if (flows === undefined && this.#flows.size < mostServices)
      this.#flows.set(service, (flows = new Map<string, Holders>()));
    return flows;
  }

  #hold(service: string, flows: Map<string, Holders>, key: string, worker: number): boolean {
    const holders = flows.get(key);
    if (holders === undefined) {
      if (this.#size >= this.#capacity) {
        this.overflows++;
        return false;
      }
      this.#size++;
      flows.set(key, worker);
      this.#onChange(service, key, true);
      return true;
    }
    const all = typeof holders === 'number' ? [holders] : holders;
    if (all.includes(worker)) return false;
    flows.set(key, [...all, worker]);
    return true;
  }

  #release(service: string, flows: Map<string, Holders>, key: string, worker: number): boolean {
    const holders = flows.get(key);
    if (holders === undefined) return false;
    const all = typeof holders === 'number' ? [holders] : holders;
    const left = all.filter((one) => one !== worker);
    if (left.length === all.length) return false;
    if (left.length > 0) {
      flows.set(key, left.length === 1 ? left[0]! : left);
      return true;
    }
    flows.delete(key);
    this.#size--;
    this.#onChange(service, key, false);
    return true;
  }
}
