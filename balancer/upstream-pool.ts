import { formatEndpoint, type Endpoint } from '../lib/address/index.ts';
import type { TargetHealth } from '../lib/heartbeat/index.ts';
import { OwnerLock } from '../lib/shared-memory/index.ts';
import type { ChatServer, Service } from '../topology/index.ts';
import { levelOf } from './availability.ts';
import { emptyPlan, type PickPlan, type PlannedCandidate, type PlannedService } from './pick-plan.ts';
import { level, supervisorToken, type PickTable } from './pick-table.ts';
import { candidateCapacity, rowCapacity, serviceCapacity } from './pick-table-layout.ts';
import { PortBudget } from './port-budget.ts';
import { recall } from './recall.ts';
import { wholeShare, type SchedulerMemory } from './scheduler.ts';
import { SlowStart } from './slow-start.ts';
import { TablePicker, type NoPick } from './table-picker.ts';
import type { Upstream } from './upstream.ts';

/** How long the supervisor waits for the lock before it breaks it: an interrupted worker has had many turns by then. */
const lockPatienceMs = 50;

/** What the pool needs of a topology. */
export interface PoolTopology {
  /** The services of this balancer. */
  readonly services: readonly Pick<Service, 'name' | 'balancing' | 'chatservers'>[];
  readonly chatservers: readonly ChatServer[];
  readonly hashKey: string;
}

/** An upstream with what the status and the heartbeats want to know of it. */
export interface PooledUpstream {
  readonly upstream: Upstream;
  /** Its row in the pick table; undefined while the table is full. */
  readonly row: number | undefined;
  /** As configured last. */
  readonly chatserver: ChatServer;
  /** Drained by the topology or removed from it. */
  readonly draining: boolean;
  readonly removed: boolean;
  readonly connections: number;
  /** Hundredths of its share, in the service that starts it most slowly. */
  readonly share: number;
}

interface Entry {
  upstream: Upstream;
  chatserver: ChatServer;
  removed: boolean;
  row: number | undefined;
  readonly slowStart: SlowStart;
}

export interface UpstreamPoolOptions {
  /** Shared with the workers, or the supervisor's own. */
  readonly table: PickTable;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** `name@host:port`, the identity of a chat server. */
export function upstreamKey({ name, address }: Pick<ChatServer, 'name' | 'address'>): string {
  return `${name}@${formatEndpoint(address)}`;
}

/**
 * The chat servers of a node's services, the connections each has from all workers, and whose turn it is, all of it in
 * the pick table. Decides only; it is told of topologies, health and workers that ended, and does nothing by itself.
 */
export class UpstreamPool {
  readonly #table: PickTable;
  readonly #lock: OwnerLock;
  readonly #random: () => number;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #freeRows = Array.from({ length: rowCapacity }, (_, index) => rowCapacity - 1 - index);
  readonly #ports: PortBudget;
  #plan: PickPlan = emptyPlan;
  #slowStarts: ReadonlyMap<string, number> = new Map();
  #picker: TablePicker | undefined;
  #health: (key: string) => TargetHealth | undefined = () => undefined;
  #nextId = 1;

  constructor({ table, random, now }: UpstreamPoolOptions) {
    this.#table = table;
    this.#random = random;
    this.#now = now;
    this.#ports = new PortBudget(now);
    this.#lock = new OwnerLock(table.words, table.lockAt, supervisorToken);
  }

  /** Source ports towards each chat server; counts from the next apply() on. */
  get ports(): PortBudget {
    return this.#ports;
  }

  /** What the workers need beside the table; of the last apply(). */
  get plan(): PickPlan {
    return this.#plan;
  }

  /** Times a lock was taken away from its holder. */
  get locksBroken(): number {
    return this.#lock.stats.broken;
  }

  /** Takes over a topology. Counts and the schedulers' sequences go on; servers that vanished get nothing new. */
  apply(topology: PoolTopology): void {
    // All of it under the lock: a worker must not take a place on a server that is being forgotten.
    this.#locked(() => {
      const wanted = new Set(topology.services.flatMap(({ chatservers }) => chatservers));
      for (const entry of this.#entries.values()) entry.removed = true;
      for (const chatserver of topology.chatservers) {
        if (wanted.has(chatserver.name)) this.#enter(chatserver);
      }
      const plan = this.#planOf(topology);
      const values = plan.services.map(({ name, algorithm, candidates }) =>
        recall(algorithm, candidates, this.#memoryOf(name)),
      );
      for (const [at, { index, candidates }] of plan.services.entries()) {
        for (const [place, { cell }] of candidates.entries()) this.#table.setValue(cell, values[at]![place]!);
        // Another service may have had this place before.
        if (!this.#plan.services.some((service) => service.index === index))
          this.#table.setFull(index, false);
      }
      this.#plan = plan;
      this.#picker = undefined;
      this.#slowStarts = new Map(
        topology.services.map(({ name, balancing }) => [name, balancing.slowStartMs]),
      );
      this.#limit();
      this.#write();
      this.#table.generation = plan.generation;
      this.sweep();
    });
  }

  /** Takes over what the heartbeats know. */
  refresh(health: (key: string) => TargetHealth | undefined): void {
    this.#health = health;
    this.#locked(() => this.#write());
  }

  /** Whether a chat server grows into its share, so that refresh() has something to do as time goes on. */
  get isWarming(): boolean {
    return this.#plan.services.some(({ candidates }) =>
      candidates.some(({ cell }) => this.#table.share(cell) < wholeShare),
    );
  }

  /**
   * The chat server of a new connection, with a place on it held for the worker until `release`. `tried` are the ids
   * that failed for this connection.
   */
  pick(place: number, service: string, client: Endpoint, tried: readonly number[]): Upstream | NoPick {
    const picked = this.#locked(() => this.#decider().pick(place, service, client, tried));
    if (typeof picked === 'string') return picked;
    return this.#entryOf(picked.id)!.upstream;
  }

  /** Gives a place back. False when the worker held none. */
  release(place: number, upstream: number): boolean {
    const row = this.#entryOf(upstream)?.row;
    return row !== undefined && this.#table.release(place, row);
  }

  /** A connect to it found no source port: it is full for a while. */
  outOfPorts(upstream: number): void {
    const row = this.#entryOf(upstream)?.row;
    if (row === undefined) return;
    this.#ports.ranOut(upstream, this.#table.total(row));
    this.#limit();
  }

  /** Time goes on: looks again at servers to which there were no ports. How many are at the limit of their ports. */
  reviewPorts(): number {
    this.#limit();
    return [...this.#entries.values()].filter(
      ({ upstream, row }) => row !== undefined && this.#ports.isShort(upstream.id, this.#table.total(row)),
    ).length;
  }

  /** Gives back all that a dead worker held: its connections' places, its places in queues, the lock. */
  releaseAll(place: number): void {
    for (const { row } of this.#entries.values())
      while (row !== undefined && this.#table.release(place, row));
    for (let index = 0; index < serviceCapacity; index++) this.#table.setSeat(index, place, 0, 0);
    this.#lock.breakFrom(place + 1);
    this.reviewFull();
  }

  /** Whether a new connection of the service would find a chat server, now or after waiting. */
  canTake(service: string): boolean {
    return this.#candidatesOf(service).some(({ cell }) => this.#table.level(cell) !== level.none);
  }

  /** Whether a new client of the service would be refused for want of room. */
  isFull(service: string): boolean {
    const planned = this.#plan.services.find(({ name }) => name === service);
    return planned !== undefined && this.#table.isFull(planned.index);
  }

  /** Finds out anew which services are full; whether that changed. */
  reviewFull(): boolean {
    let changed = false;
    for (const { name, index, limited } of this.#plan.services) {
      const was = this.#table.isFull(index);
      const full = limited && this.#decider().isFull(name);
      if (full === was) continue;
      this.#table.setFull(index, full);
      changed = true;
    }
    return changed;
  }

  /** Place of the worker whose client of the service waits longest; -1 when none waits. */
  oldestWaiting(service: string): number {
    const planned = this.#plan.services.find(({ name }) => name === service);
    return planned === undefined ? -1 : this.#table.oldestPlace(planned.index);
  }

  /** Services with clients that wait, and how many. */
  waiting(): ReadonlyMap<string, number> {
    const counts = this.#plan.services.map(({ name, index }) => [name, this.#table.waiting(index)] as const);
    return new Map(counts.filter(([, count]) => count > 0));
  }

  /** Forgets removed servers whose last connection has ended; whether there were any. */
  sweep(): boolean {
    let forgot = false;
    for (const [key, { removed, row }] of this.#entries) {
      if (!removed || (row !== undefined && this.#table.total(row) > 0)) continue;
      forgot = this.#entries.delete(key) || forgot;
      if (row !== undefined) this.#freeRows.push(row);
    }
    return forgot;
  }

  /** Present servers in the order of the file as first seen, and removed ones that still have connections. */
  upstreams(): readonly PooledUpstream[] {
    const now = this.#now();
    const slowest = Math.max(0, ...this.#slowStarts.values());
    return [...this.#entries.values()].map(({ upstream, chatserver, removed, row, slowStart }) => ({
      upstream,
      row,
      chatserver,
      removed,
      draining: removed || chatserver.state === 'drain',
      connections: row === undefined ? 0 : this.#table.total(row),
      share: slowStart.share(now, slowest),
    }));
  }

  /** Connections a worker holds, by upstream id. */
  heldBy(place: number): ReadonlyMap<number, number> {
    const held = [...this.#entries.values()].map(({ upstream, row }): [number, number] => [
      upstream.id,
      row === undefined ? 0 : this.#table.held(place, row),
    ]);
    return new Map(held.filter(([, count]) => count > 0));
  }

  /** Most connections of each server: by its own limit, and by the ports there are. */
  #limit(): void {
    for (const { upstream, row, chatserver } of this.#entries.values()) {
      if (row === undefined) continue;
      this.#table.setLimit(
        row,
        this.#ports.limit(upstream.id, chatserver.maxConnections, this.#table.total(row)),
      );
    }
  }

  #locked<Result>(run: () => Result): Result {
    this.#lock.take(lockPatienceMs);
    try {
      return run();
    } finally {
      this.#lock.release();
    }
  }

  /** Built when it is first asked: the workers have their own. */
  #decider(): TablePicker {
    return (this.#picker ??= new TablePicker(this.#table, this.#plan, this.#random));
  }

  #enter(chatserver: ChatServer): void {
    const key = upstreamKey(chatserver);
    const { name, address: endpoint, weight } = chatserver;
    const old = this.#entries.get(key);
    const id = old?.upstream.id ?? this.#nextId++;
    this.#entries.set(key, {
      upstream: { id, key, name, endpoint, weight },
      chatserver,
      removed: false,
      row: old?.row ?? this.#freeRows.pop(),
      slowStart: old?.slowStart ?? new SlowStart(this.#plan === emptyPlan, this.#now()),
    });
  }

  #planOf({ services, hashKey }: PoolTopology): PickPlan {
    const able = this.#able();
    const taken = new Set(this.#plan.services.map(({ index }) => index));
    const free = Array.from({ length: serviceCapacity }, (_, index) => index).filter(
      (one) => !taken.has(one),
    );
    return {
      generation: this.#plan.generation + 1,
      hashKey,
      services: services.map(({ name, balancing: { algorithm, queue }, chatservers }): PlannedService => {
        const index = this.#plan.services.find((service) => service.name === name)?.index ?? free.shift()!;
        const entries = chatservers.flatMap((one) => able.get(one) ?? []);
        const limited =
          this.#ports.isKnown || entries.some(({ chatserver }) => chatserver.maxConnections !== undefined);
        const candidates = entries.map(({ upstream, chatserver, row }, place): PlannedCandidate => {
          const { id, key, weight } = upstream;
          const { backup } = chatserver;
          return { id, key, weight, row: row!, cell: index * candidateCapacity + place, backup };
        });
        return { name, index, algorithm, queue, limited, candidates };
      }),
    };
  }

  /** The upstreams that may get new connections when they are well, by name. */
  #able(): ReadonlyMap<string, Entry> {
    const able = new Map<string, Entry>();
    for (const entry of this.#entries.values()) {
      const { chatserver, removed, row } = entry;
      if (!removed && row !== undefined && chatserver.state === 'active' && chatserver.weight > 0)
        able.set(chatserver.name, entry);
    }
    return able;
  }

  #entryOf(id: number): Entry | undefined {
    for (const entry of this.#entries.values()) if (entry.upstream.id === id) return entry;
    return undefined;
  }

  /** What the running plan's scheduler of a service remembers. */
  #memoryOf(name: string): SchedulerMemory | undefined {
    const service = this.#plan.services.find((one) => one.name === name);
    if (service === undefined) return undefined;
    const values = service.candidates.map(({ key, cell }): [string, number] => [
      key,
      this.#table.value(cell),
    ]);
    return { algorithm: service.algorithm, values: new Map(values) };
  }

  /** Writes levels and shares as health and time have them. */
  #write(): void {
    const now = this.#now();
    for (const [key, { slowStart }] of this.#entries)
      slowStart.note(this.#health(key)?.state ?? 'unknown', now);
    for (const { name, candidates } of this.#plan.services) {
      const durationMs = this.#slowStarts.get(name) ?? 0;
      for (const { key, cell, backup } of candidates) {
        this.#table.setLevel(cell, levelOf(this.#health(key), name, backup));
        this.#table.setShare(cell, this.#entries.get(key)?.slowStart.share(now, durationMs) ?? wholeShare);
      }
    }
    this.reviewFull();
  }

  #candidatesOf(service: string): readonly PlannedCandidate[] {
    return this.#plan.services.find(({ name }) => name === service)?.candidates ?? [];
  }
}
