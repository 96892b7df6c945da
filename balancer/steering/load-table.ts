import type { MapSpec } from '../../lib/linux/bpf/index.ts';

/** Workers a table has room for; a node with more spreads by hash. */
export const placesMost = 64;

/**
 * A worker's record, u32 each, host order. `given`: connections the kernel gave it, counted by the program. `offset`: what
 * makes a load of it, `given + offset` modulo 2^32, written by the worker. `live`: 1 while it may be given any, written by
 * the worker, and by the supervisor when it is gone.
 */
export const record = { bytes: 16, given: 0, offset: 4, live: 8 } as const;
const words = record.bytes / 4;

/** The records of all workers: one value, so that the program needs no lookup, in memory the workers share. */
export const loadsSpec: MapSpec = {
  type: 'array',
  keySize: 4,
  valueSize: placesMost * record.bytes,
  maxEntries: 1,
  mmapable: true,
};

/** How long a connection the kernel gave may take to be accepted; later it is taken for one that never came about. */
export const pendingMs = 1_000;

/** One worker's record. Who made it writes it, one process per record; `memory` is the table's. */
export class LoadRecord {
  readonly #memory: () => Uint8Array;
  readonly #first: number;
  /** The memory that the view is of. */
  #seen: Uint8Array | undefined;
  #view: Uint32Array = new Uint32Array(0);
  /** Of the connections given: those accepted, or given up. */
  #settled = 0;
  /** What was given when pending ones were looked at last. */
  #givenBefore = 0;
  #accepted = 0;
  #connections = 0;

  constructor(memory: () => Uint8Array, place: number) {
    this.#memory = memory;
    this.#first = place * words;
  }

  /** Takes the place over, with a load of 0; not live yet. */
  reset(): void {
    this.setLive(false);
    this.#settled = this.#givenBefore = this.#given();
    this.#accepted = 0;
    this.update(0, 0);
  }

  /** Tells the live connections, and all accepted since start. */
  update(connections: number, accepted: number): void {
    this.#connections = connections;
    this.#settle(accepted - this.#accepted);
    this.#accepted = accepted;
    this.#write();
  }

  /** Gives up what was given before the last call and was not accepted since; to be called every `pendingMs`. */
  expire(): void {
    this.#settle(Math.max(0, (this.#givenBefore - this.#settled) | 0));
    this.#givenBefore = this.#given();
    this.#write();
  }

  setLive(live: boolean): void {
    Atomics.store(this.#words(), this.#first + record.live / 4, live ? 1 : 0);
  }

  /** As the program sees it. */
  get load(): number {
    const all = this.#words();
    return (Atomics.load(all, this.#first) + Atomics.load(all, this.#first + record.offset / 4)) >>> 0;
  }

  /** Never more than was given: a connection whose pending time was over may be accepted all the same. */
  #settle(count: number): void {
    const pending = (this.#given() - this.#settled) >>> 0;
    this.#settled = (this.#settled + Math.min(count, pending)) >>> 0;
  }

  #write(): void {
    Atomics.store(this.#words(), this.#first + record.offset / 4, (this.#connections - this.#settled) >>> 0);
  }

  #given(): number {
    return Atomics.load(this.#words(), this.#first + record.given / 4);
  }

  #words(): Uint32Array {
    const bytes = this.#memory();
    if (bytes !== this.#seen) {
      this.#seen = bytes;
      this.#view = new Uint32Array(bytes.buffer, bytes.byteOffset, placesMost * words);
    }
    return this.#view;
  }
}
