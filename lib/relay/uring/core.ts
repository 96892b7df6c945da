import type { Clock } from '../../clock/index.ts';
import { errnoName, getrlimitNofile } from '../../linux/index.ts';
import {
  IORING_CQE_F_MORE,
  missingFeatures,
  uringSupport,
  unpackKind,
  unpackSlot,
} from '../../linux/uring/index.ts';
import { RelayBooks } from '../books.ts';
import { endReasonOf } from '../failures.ts';
import type { Joining } from '../opening.ts';
import type { Destination, EndReason, RelayClient, RelayOptions, RelaySettings } from '../types.ts';
import { Carrier, type CarrierOwner } from './carrier.ts';
import { Destinations } from './destinations.ts';
import { attemptMost, kinds } from './kinds.ts';
import type { UringListener } from './listener.ts';
import { defaultBuffers, Machine } from './machine.ts';
import type { UringOpening } from './opening.ts';
import { tuneDestination } from './tune.ts';

/** Rows for accepts under way, of all listeners together; a client that must be refused lands in one of them. */
const acceptRowsMost = 64;
/** Direct descriptors of one ring (IORING_MAX_FIXED_FILES), two per row. */
const rowsMost = 1 << 19;
/** How long close() waits for what is under way. */
const closePatienceMs = 1_000;

/** What tests turn so that rare paths become the rule. */
export interface UringTuning {
  /** Shared receive buffers, a power of two. */
  readonly buffers?: number;
  /** Whether the kernel may bound multishot receives (Linux 6.17); false: single ones. Default: whether it can. */
  readonly boundsReceives?: boolean;
}

/** The books of a relay on io_uring, its rows, and who is told of which completion. */
export class UringCore extends RelayBooks implements CarrierOwner {
  readonly machine: Machine;
  readonly carrier: Carrier;
  readonly listeners = new Set<UringListener>();
  readonly destinations: Destinations;
  readonly acceptRows: number;
  /** Connections for which there are rows; fewer than the limit where RLIMIT_NOFILE is small. */
  readonly #capacity: number;
  /** By row. The first two are set only before there is a destination, the next two only after. */
  readonly #accepting: (UringListener | undefined)[];
  readonly #openings: (UringOpening | undefined)[];
  readonly #clients: (RelayClient | undefined)[];
  readonly #destinations: (Destination | undefined)[];
  readonly #startedMs: Float64Array;
  readonly #retries: Uint8Array;
  /** By socket: payload it sent. */
  readonly #bytes: Float64Array;
  isClosed = false;
  #closing: (() => void) | undefined;

  constructor(options: RelayOptions, clock: Clock, tuning: UringTuning = {}) {
    super(options, clock);
    const descriptors = Math.min(getrlimitNofile()?.soft ?? Infinity, 2 * rowsMost);
    const rows = Math.min(options.limit + acceptRowsMost, Math.floor(descriptors / 2));
    this.acceptRows = Math.min(acceptRowsMost, Math.max(1, rows >> 2));
    this.#capacity = rows - this.acceptRows;
    this.machine = new Machine({
      rows,
      buffers: tuning.buffers ?? defaultBuffers,
      handle: (low, high, result, flags) => this.#completed(low, high, result, flags),
      afterBatch: () => this.#afterBatch(),
    });
    const boundsReceives =
      tuning.boundsReceives ?? missingFeatures(uringSupport(), ['receiveLimit']).length === 0;
    this.carrier = new Carrier(this.machine, this, boundsReceives);
    this.destinations = new Destinations(rows);
    this.#accepting = Array.from({ length: rows });
    this.#openings = Array.from({ length: rows });
    this.#clients = Array.from({ length: rows });
    this.#destinations = Array.from({ length: rows });
    this.#startedMs = new Float64Array(rows);
    this.#retries = new Uint8Array(rows);
    this.#bytes = new Float64Array(2 * rows);
  }

  /** Whether all rows but those for accepts are taken. */
  get isShortOfDescriptors(): boolean {
    return this.stats.connections >= this.#capacity;
  }

  /** A row for an accept of `listener`; -1 when there is none. */
  takeRow(listener: UringListener): number {
    const row = this.machine.table.take();
    if (row !== -1) this.#accepting[row] = listener;
    return row;
  }

  /** Gives a row back whose sockets are closed or were never opened. */
  releaseRow(row: number): void {
    this.#accepting[row] = undefined;
    this.#openings[row] = undefined;
    this.machine.table.release(row);
  }

  /** The row of an accept becomes a connection's. */
  open(row: number, opening: UringOpening, settings: RelaySettings): void {
    this.#accepting[row] = undefined;
    this.#openings[row] = opening;
    this.#bytes[2 * row] = this.#bytes[2 * row + 1] = 0;
    this.carrier.open(row, settings.bufferBytes);
    this.machine.loop.flush();
  }

  join(row: number, joining: Joining, settings: RelaySettings, kept: readonly Uint8Array[]): void {
    const { client, destination, startedMs, retries } = joining;
    this.#openings[row] = undefined;
    this.#clients[row] = client;
    this.#destinations[row] = destination;
    this.#startedMs[row] = startedMs;
    this.#retries[row] = retries;
    this.destinations.add(destination.id, row);
    tuneDestination(this.machine, row, settings);
    this.carrier.join(row, destination.preface, kept);
  }

  early(row: number, bytes: Uint8Array): void {
    this.#openings[row]?.received(Buffer.from(bytes));
  }

  earlyEnd(row: number): boolean {
    return this.#openings[row]?.clientEnded() === true;
  }

  counted(socket: number, bytes: number): void {
    this.#bytes[socket]! += bytes;
    if ((socket & 1) === 0) this.stats.bytesUp += bytes;
    else this.stats.bytesDown += bytes;
  }

  socketFailed(socket: number, errno: number): void {
    const row = socket >> 1;
    const opening = this.#openings[row];
    if (opening !== undefined) {
      opening.clientFailed();
      return;
    }
    const side = (socket & 1) === 0 ? 'client' : 'destination';
    const code = errnoName(errno);
    this.endRow(row, endReasonOf(side, Object.assign(new Error(code), { code })));
  }

  finished(row: number): void {
    this.endRow(row, 'finished');
  }

  /** Ends a joined connection: with FIN when it finished, else with RST. */
  endRow(row: number, reason: EndReason): void {
    const client = this.#clients[row];
    const destination = this.#destinations[row];
    // Ended already, by a router that was told of another end.
    if (client === undefined || destination === undefined) return;
    for (const socket of [2 * row, 2 * row + 1]) {
      this.carrier.drop(socket);
      this.machine.closeSocket(row, socket, reason !== 'finished');
    }
    this.#clients[row] = undefined;
    this.#destinations[row] = undefined;
    this.destinations.remove(destination.id, row);
    this.machine.table.release(row);
    this.end({
      client,
      destination,
      bytesUp: this.#bytes[2 * row]!,
      bytesDown: this.#bytes[2 * row + 1]!,
      durationMs: this.clock.now() - this.#startedMs[row]!,
      retries: this.#retries[row]!,
      reason,
    });
  }

  /** Ends up to `most` connections of a destination; returns how many. */
  reset(destination: string, most: number): number {
    const rows = this.destinations.oldest(destination, most);
    for (const row of rows) this.endRow(row, 'dead');
    return rows.length;
  }

  /** Counters for people who look into the engine. */
  engineStats(): Record<string, number> {
    const { group, ring, table } = this.machine;
    return {
      buffersExhausted: group.exhausted,
      buffersHeld: group.buffers - group.available,
      spillBytes: this.carrier.spillBytes,
      spillChunks: this.carrier.spillChunks,
      rowsTaken: table.live + table.retired,
      completions: ring.stats.completed,
      completionOverflows: ring.stats.overflows,
      completionsDropped: ring.stats.dropped,
      lateCompletions: table.late,
      strayCompletions: table.stray,
    };
  }

  /** Keeps the process alive while there is something to wait for. */
  refresh(): void {
    const { loop } = this.machine;
    if (this.listeners.size > 0 || this.stats.connections > 0) loop.ref();
    else loop.unref();
  }

  /** Ends all connections, waits until their sockets are closed, then closes the ring. */
  async close(): Promise<void> {
    this.isClosed = true;
    for (const opening of this.openings) opening.close();
    for (const [id] of this.destinations.counts()) {
      for (const row of this.destinations.oldest(id, Infinity)) this.endRow(row, 'closed');
    }
    await new Promise<void>((resolve) => {
      const patience = setTimeout(resolve, closePatienceMs);
      this.#closing = () => {
        clearTimeout(patience);
        // Not from within a batch.
        setImmediate(resolve);
      };
      this.machine.loop.flush();
    });
    this.machine.close();
  }

  #completed(low: number, high: number, result: number, flags: number): void {
    const kind = unpackKind(low);
    if (kind >= kinds.uncounted) return;
    const row = unpackSlot(low);
    const isCurrent = this.machine.table.settle(low, high, (flags & IORING_CQE_F_MORE) !== 0);
    const socket = 2 * row + (kind & 1);
    switch (kind & ~1) {
      case kinds.receive:
        this.carrier.received(socket, isCurrent, result, flags);
        return;
      case kinds.send:
        this.carrier.sent(socket, isCurrent, result);
        return;
      case kinds.shutdown:
        this.carrier.shutDown(socket, isCurrent, result);
        return;
      case kinds.watch:
        this.carrier.watched(socket, isCurrent, result, (flags & IORING_CQE_F_MORE) !== 0);
        return;
      case kinds.probe:
        this.carrier.probed(socket, isCurrent, result);
        return;
    }
    if (kind === kinds.accept) this.#accepting[row]?.accepted(row, result);
    else if (kind === kinds.install) this.#accepting[row]?.installed(row, result);
    else if (isCurrent)
      this.#openings[row]?.step(kind & ~(attemptMost - 1), kind & (attemptMost - 1), result);
  }

  #afterBatch(): void {
    const { group, table } = this.machine;
    group.publish();
    this.carrier.feedStarved();
    for (const listener of this.listeners) listener.arm();
    this.refresh();
    if (table.live === 0 && table.retired === 0) this.#closing?.();
  }
}
