import type { Clock, Timer } from '../lib/clock/index.ts';
import { every } from '../lib/clock/index.ts';
import { OwnerLock } from '../lib/shared-memory/index.ts';
import { Batcher } from './batcher.ts';
import type { Picked, Picker, PickRequest } from './picker.ts';
import { emptyPlan, type PickPlan, type PlannedService } from './pick-plan.ts';
import { supervisorToken, type PickTable } from './pick-table.ts';
import { TablePicker } from './table-picker.ts';
import { WaitQueue, type Waiter } from './wait-queue.ts';
import { batchEntries, type WorkerRequest, type WorkerUpstream } from './worker-protocol.ts';

/** Longest the event loop stands still for the lock; its holder needs microseconds unless it was interrupted. */
const standStillMs = 1;
/** How often a pick is tried again that could not be made at once. */
const retryMs = 1;
/** How long one holder may keep the lock. After that picks are made without: in time, not exact. */
const lockPatienceMs = 250;
/**
 * How long a pick waits at all: for others to leave it the lock, or for the plan that belongs to the table, which is on its
 * way when the table changes.
 */
const patienceMs = 3_000;
/** Most picks that are tried again; twice the accept queue. */
const mostPostponed = 8_192;
/**
 * Most words to the supervisor that wait to be sent, while it is stopped. What is dropped beyond them is made up for:
 * servers are probed and those who wait look anyway, the rest is told with the next connect or change.
 */
const mostRequests = 8_192;
/** How often those who wait look by themselves; whoever makes room for them tells them at once. */
const lookMs = 100;

/** Each counts from start. */
interface SharedPickerStats extends Record<string, number> {
  /** Picks. Expected. */
  picks: number;
  /** Of these, how often no chat server lived. Not expected. */
  picksWithoutUpstream: number;
  /** Picks refused because too many were postponed. Not expected. */
  picksRefused: number;
  /** Picks given up because the worker's plan did not fit the table for too long. Not expected. */
  picksTimedOut: number;
  /** Picks made without the lock. Not expected. */
  picksUnlocked: number;
  /** Words to the supervisor dropped because it took none for long. Not expected. */
  requestsDropped: number;
  /** Releases of a place that nobody held. Not expected. */
  badReleases: number;
  /** Clients that had to wait for a place. Expected where servers have limits. */
  queued: number;
  /** Clients refused because no place was free and the queue was full, or there is none. */
  refusedNoPlace: number;
  /** Clients that waited in vain. */
  queueTimeouts: number;
}

interface Postponed {
  readonly request: PickRequest;
  readonly sinceMs: number;
  readonly resolve: (picked: Picked) => void;
}

export interface SharedPickerOptions {
  readonly table: PickTable;
  /** Column of this worker. */
  readonly place: number;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Sends one batch; calls `sent` when it has left. */
  readonly send: (requests: readonly WorkerRequest[], sent: () => void) => void;
  /** The upstream of an id, of the running config. */
  readonly upstream: (id: number) => WorkerUpstream | undefined;
}

/** Picks in the worker itself, out of the table that all workers of the node share. */
export class SharedPicker implements Picker {
  readonly stats: SharedPickerStats = {
    picks: 0,
    picksWithoutUpstream: 0,
    picksRefused: 0,
    picksTimedOut: 0,
    picksUnlocked: 0,
    requestsDropped: 0,
    badReleases: 0,
    queued: 0,
    refusedNoPlace: 0,
    queueTimeouts: 0,
  };
  readonly #table: PickTable;
  readonly #place: number;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #upstream: (id: number) => WorkerUpstream | undefined;
  readonly #lock: OwnerLock;
  readonly #requests: Batcher<WorkerRequest>;
  readonly #queue: WaitQueue;
  readonly #postponed = new Map<number, Postponed>();
  #retrying = false;
  /** The lock's turns when they last changed, as far as those who wait have seen, and when that was. */
  #seen = { turns: 0, sinceMs: 0 };
  #looking: Timer | undefined;
  #plan: PickPlan = emptyPlan;
  #picker: TablePicker;
  /** Services with limits that a row belongs to: those for whom a free place matters. */
  #limited = new Map<number, PlannedService[]>();
  #services = new Map<string, PlannedService>();

  constructor({ table, place, clock, random, send, upstream }: SharedPickerOptions) {
    this.#table = table;
    this.#place = place;
    this.#clock = clock;
    this.#random = random;
    this.#upstream = upstream;
    this.#lock = new OwnerLock(table.words, table.lockAt, place + 1);
    this.#requests = new Batcher(send, batchEntries);
    this.#picker = new TablePicker(table, emptyPlan, random);
    this.#queue = new WaitQueue((service, waiting, oldest) => {
      const planned = this.#services.get(service);
      if (planned !== undefined) table.setSeat(planned.index, place, waiting, oldest);
    });
  }

  /** Takes over the plan of a config. Clients that wait for a service that is no more are refused. */
  configure(plan: PickPlan): void {
    if (plan.generation === this.#plan.generation) return;
    const kept = new Set(plan.services.map(({ name }) => name));
    for (const name of this.#services.keys()) {
      if (!kept.has(name)) for (const waiter of this.#queue.clear(name)) this.#grant(waiter, null);
    }
    this.#settle();
    this.#plan = plan;
    this.#picker = new TablePicker(this.#table, plan, this.#random);
    this.#services = new Map(plan.services.map((service) => [service.name, service]));
    this.#limited = new Map();
    for (const service of plan.services.filter(({ limited }) => limited)) {
      for (const { row } of service.candidates)
        this.#limited.set(row, [...(this.#limited.get(row) ?? []), service]);
    }
    this.#retry();
    for (const service of this.#queue.services()) this.serve(service);
  }

  pick(request: PickRequest): Picked | Promise<Picked> {
    this.stats.picks++;
    // Those who wait for the lock already are older.
    if (this.#postponed.size === 0 && this.#lock.try(standStillMs)) {
      try {
        if (this.#isCurrent()) return this.#decide(request);
      } finally {
        this.#lock.release();
      }
    }
    return this.#postpone(request);
  }

  leave(connection: number): void {
    this.#postponed.delete(connection);
    const waiter = this.#queue.leave(connection);
    if (waiter === undefined) return;
    waiter.timer.cancel();
    this.#settle();
    this.serve(waiter.request.service);
  }

  release(upstream: number): void {
    const row = this.#upstream(upstream)?.row;
    if (row === undefined || !this.#table.release(this.#place, row)) this.stats.badReleases++;
    else for (const service of this.#limited.get(row) ?? []) this.#roomFor(service);
  }

  failed(upstream: number): void {
    this.release(upstream);
    this.#tell(['probe', upstream]);
  }

  outOfPorts(upstream: number): void {
    this.release(upstream);
    this.#tell(['ports', upstream]);
  }

  /** Gives places to the clients of this worker whose turn it is, and tells on when it is the turn of another's. */
  serve(name: string): void {
    const service = this.#services.get(name);
    if (service === undefined || !this.#lock.try(0)) return;
    const served: [Waiter, Picked][] = [];
    let tellOn = false;
    try {
      if (!this.#isCurrent()) return;
      for (let first = this.#queue.first(name); first !== undefined; first = this.#queue.first(name)) {
        if (this.#table.oldestPlace(service.index) !== this.#place) break;
        // Who has waited may try every server again.
        const picked = this.#picker.pick(this.#place, name, first.request.client, []);
        if (typeof picked === 'string') break;
        this.#queue.leave(first.request.connection);
        served.push([first, this.#known(picked.id, picked.row)]);
      }
      const oldest = this.#table.oldestPlace(service.index);
      tellOn = oldest !== -1 && oldest !== this.#place && this.#picker.hasRoom(name);
      this.#review(service);
    } finally {
      this.#lock.release();
    }
    this.#settle();
    if (tellOn) this.#tell(['room', name]);
    for (const [waiter, picked] of served) this.#grant(waiter, picked);
  }

  /** Nobody waits any more. */
  close(): void {
    this.#looking?.cancel();
    for (const name of this.#queue.services())
      for (const waiter of this.#queue.clear(name)) this.#grant(waiter, null);
    for (const { resolve } of this.#postponed.values()) resolve(null);
    this.#postponed.clear();
  }

  /** With the lock held, and the plan that of the table. */
  #decide(request: PickRequest): Picked | Promise<Picked> {
    const { service: name, client, tried, connection } = request;
    const service = this.#services.get(name);
    if (service === undefined) return null;
    // Nobody overtakes those who wait, but who was let in once already.
    const waiting = service.limited ? this.#table.waiting(service.index) : 0;
    const picked =
      waiting > 0 && tried.length === 0 ? 'full' : this.#picker.pick(this.#place, name, client, tried);
    if (picked === 'none') this.stats.picksWithoutUpstream++;
    if (picked === 'full' && waiting >= service.queue.size) this.stats.refusedNoPlace++;
    else if (picked === 'full') {
      const answer = new Promise<Picked>((resolve) => {
        const timer = this.#clock.after(service.queue.timeoutMs, () => this.#expire(connection));
        this.#queue.join({ request, ticket: this.#table.takeTicket(service.index), timer, resolve });
      });
      this.stats.queued++;
      this.#looking ??= every(this.#clock, lookMs, () => this.#look(), true);
      this.#review(service);
      return answer;
    }
    if (service.limited) this.#review(service);
    return typeof picked === 'string' ? null : this.#known(picked.id, picked.row);
  }

  /** The upstream as the config has it; one it does not know is given back. */
  #known(id: number, row: number): Picked {
    const upstream = this.#upstream(id);
    if (upstream !== undefined) return upstream;
    this.#table.release(this.#place, row);
    return null;
  }

  #isCurrent(): boolean {
    return this.#table.generation === this.#plan.generation;
  }

  #postpone(request: PickRequest): Picked | Promise<Picked> {
    if (this.#postponed.size >= mostPostponed) {
      this.stats.picksRefused++;
      return null;
    }
    return new Promise((resolve) => {
      const now = this.#clock.now();
      if (this.#postponed.size === 0) this.#seen = { turns: this.#lock.turns, sinceMs: now };
      this.#postponed.set(request.connection, { request, sinceMs: now, resolve });
      this.#retryLater();
    });
  }

  #retryLater(): void {
    if (this.#retrying || this.#postponed.size === 0) return;
    this.#retrying = true;
    this.#clock.after(retryMs, () => {
      this.#retrying = false;
      this.#retry();
    });
  }

  #retry(): void {
    if (this.#postponed.size === 0) return;
    const locked = this.#lock.try(standStillMs);
    const now = this.#clock.now();
    if (locked || this.#lock.turns !== this.#seen.turns)
      this.#seen = { turns: this.#lock.turns, sinceMs: now };
    const isStuck = !locked && now - this.#seen.sinceMs >= lockPatienceMs;
    const answers: [Postponed, Picked | Promise<Picked>][] = [];
    try {
      for (const postponed of this.#postponed.values()) {
        // The supervisor writes more than numbers: what it has begun is waited for.
        const may = this.#isCurrent() && (locked || (isStuck && this.#lock.holder !== supervisorToken));
        if (may) {
          if (!locked) this.stats.picksUnlocked++;
          answers.push([postponed, this.#decide(postponed.request)]);
        } else if (now - postponed.sinceMs >= patienceMs) {
          this.stats.picksTimedOut++;
          answers.push([postponed, null]);
        } else break;
        this.#postponed.delete(postponed.request.connection);
      }
    } finally {
      if (locked) this.#lock.release();
    }
    for (const [{ resolve }, answer] of answers) {
      if (answer instanceof Promise) void answer.then(resolve);
      else resolve(answer);
    }
    this.#retryLater();
  }

  #expire(connection: number): void {
    const waiter = this.#queue.leave(connection);
    if (waiter === undefined) return;
    this.stats.queueTimeouts++;
    this.#settle();
    this.#grant(waiter, null);
    this.serve(waiter.request.service);
  }

  #tell(request: WorkerRequest): void {
    if (this.#requests.length < mostRequests) this.#requests.push(request);
    else this.stats.requestsDropped++;
  }

  #grant({ timer, resolve }: Waiter, picked: Picked): void {
    timer.cancel();
    resolve(picked);
  }

  #look(): void {
    for (const service of this.#queue.services()) this.serve(service);
  }

  #settle(): void {
    if (this.#queue.size > 0) return;
    this.#looking?.cancel();
    this.#looking = undefined;
  }

  /** A place became free. */
  #roomFor(service: PlannedService): void {
    if (this.#table.isFull(service.index) || this.#table.waiting(service.index) > 0) this.serve(service.name);
  }

  /** Keeps the word up to date that says whether the service is full; the supervisor tells the directors. */
  #review({ name, index }: PlannedService): void {
    const full = this.#picker.isFull(name);
    if (full === this.#table.isFull(index)) return;
    this.#table.setFull(index, full);
    this.#tell(['fullness', name]);
  }
}
