/** The flow tables of the raw plane: bounded, counted by owner. No sockets, no clock. */
import {
  flowKeyLayout,
  FlowState,
  type FlowChange,
  type FlowEntry,
  type FlowTable,
} from '../forward/index.ts';

export interface FlowCapacity {
  /** Flows that are never evicted. */
  readonly confirmed: number;
  /** Opening, ended and unconfirmed ones; the least recently used make room. */
  readonly unconfirmed: number;
}

export class Flows {
  readonly confirmed: ReadonlyMap<string, FlowEntry>;
  readonly unconfirmed: ReadonlyMap<string, FlowEntry>;
  readonly #tables = {
    confirmed: new Map<string, FlowEntry>(),
    unconfirmed: new Map<string, FlowEntry>(),
  };
  readonly #capacity: FlowCapacity;
  readonly #onGone: (key: string) => void;
  readonly #byBalancer = new Map<number, number>();
  readonly #byService = new Map<number, number>();
  /** Entries of every state. */
  readonly #entries = { balancer: new Map<number, number>(), service: new Map<number, number>() };
  #live = 0;
  #evicted = 0;

  /** `onGone` hears of every flow that is in no table any more. */
  constructor(capacity: FlowCapacity, onGone: (key: string) => void) {
    this.#capacity = capacity;
    this.#onGone = onGone;
    this.confirmed = this.#tables.confirmed;
    this.unconfirmed = this.#tables.unconfirmed;
  }

  /** Established ones. */
  get live(): number {
    return this.#live;
  }

  /** Unconfirmed flows that made room for others. */
  get evicted(): number {
    return this.#evicted;
  }

  get hasRoom(): boolean {
    return this.confirmed.size < this.#capacity.confirmed;
  }

  /** Established flows of a balancer. */
  ofBalancer(index: number): number {
    return this.#byBalancer.get(index) ?? 0;
  }

  /** Established flows of a service. */
  ofService(index: number): number {
    return this.#byService.get(index) ?? 0;
  }

  /** Whether any entry refers to a balancer: handshakes under way and ended flows too. */
  holdsBalancer(index: number): boolean {
    return this.#entries.balancer.has(index);
  }

  /** Whether any entry refers to a service. */
  holdsService(index: number): boolean {
    return this.#entries.service.has(index);
  }

  find(key: string): FlowEntry | undefined {
    return this.confirmed.get(key) ?? this.unconfirmed.get(key);
  }

  /** Carries out what forward() says. A flow stays known when it moves from one table to the other. */
  apply(changes: readonly FlowChange[]): void {
    const gone: string[] = [];
    for (const { table, key, entry } of changes) {
      if (entry !== undefined) this.#set(table, key, entry);
      else if (this.#delete(table, key)) gone.push(key);
    }
    for (const key of gone) if (this.find(key) === undefined) this.#onGone(key);
    this.#makeRoom();
  }

  /** Makes an evictable flow a confirmed one; false when there is no room, or no such flow. */
  confirm(key: string): boolean {
    const entry = this.unconfirmed.get(key);
    if (entry === undefined || !this.hasRoom) return false;
    this.#set('confirmed', key, entry);
    this.#delete('unconfirmed', key);
    return true;
  }

  /** Makes a flow evictable that has ended; a SYN of its client begins anew. */
  end(key: string): void {
    const entry = this.find(key);
    if (entry === undefined) return;
    this.#set('unconfirmed', key, { ...entry, state: FlowState.Closing });
    this.#delete('confirmed', key);
    this.#makeRoom();
  }

  remove(key: string): boolean {
    const removed = this.#delete('confirmed', key);
    const was = this.#delete('unconfirmed', key) || removed;
    if (was) this.#onGone(key);
    return was;
  }

  #makeRoom(): void {
    while (this.unconfirmed.size > this.#capacity.unconfirmed) {
      const [first] = this.unconfirmed.keys();
      this.remove(first!);
      this.#evicted++;
    }
  }

  #set(table: FlowTable, key: string, entry: FlowEntry): void {
    const map = this.#tables[table];
    const old = map.get(key);
    this.#count(table, key, old, -1);
    this.#count(table, key, entry, 1);
    // The order of the map is that of use.
    if (old !== undefined && table === 'unconfirmed') map.delete(key);
    map.set(key, entry);
  }

  #delete(table: FlowTable, key: string): boolean {
    const map = this.#tables[table];
    const old = map.get(key);
    if (old === undefined) return false;
    map.delete(key);
    this.#count(table, key, old, -1);
    return true;
  }

  #count(table: FlowTable, key: string, entry: FlowEntry | undefined, by: number): void {
    if (entry === undefined) return;
    add(this.#entries.balancer, entry.balancer, by);
    add(this.#entries.service, serviceOf(key), by);
    // What is opening or has ended is no connection.
    if (table === 'unconfirmed' && entry.state !== FlowState.Established) return;
    this.#live += by;
    add(this.#byBalancer, entry.balancer, by);
    add(this.#byService, serviceOf(key), by);
  }
}

/** Index of the service in a flow's key. */
export function serviceOf(key: string): number {
  return flowKeyLayout.get(Buffer.from(key, 'hex'), 'service');
}

function add(counts: Map<number, number>, index: number, by: number): void {
  const count = (counts.get(index) ?? 0) + by;
  if (count === 0) counts.delete(index);
  else counts.set(index, count);
}
