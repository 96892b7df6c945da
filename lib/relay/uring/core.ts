import { errnoName } from '../../linux/index.ts';
import { IORING_CQE_F_MORE, unpackKind, unpackSlot } from '../../linux/uring/index.ts';
import type { RelayBooks } from '../books.ts';
import { endReasonOf } from '../failures.ts';
import type { Joining } from '../opening.ts';
import type { Destination, EndReason, RelaySettings } from '../types.ts';
import { Carrier, type CarrierOwner } from './carrier.ts';
import { ClientLedger } from './client-ledger.ts';
import { Destinations } from './destinations.ts';
import { attemptMost, kinds } from './kinds.ts';
import type { UringListener } from './listener.ts';
import { Machine } from './machine.ts';
import type { UringOpening } from './opening.ts';
import type { Rings } from './rings.ts';
import { hastenDestination } from './tune.ts';
import { Untuned } from './untuned.ts';

/** How long close() waits for what is under way. */
const closePatienceMs = 1_000;
/** How long the other FIN may take before errors of a half-closed socket are watched for. */
const halfClosedMs = 50;

export interface CoreOptions {
  /** Number of the ring in its relay, from 0. */
  readonly index: number;
  readonly rows: number;
  readonly buffers: number;
  readonly entries: number;
  readonly boundsReceives: boolean;
}

/** A row of a ring whose connection may have to end. */
export interface OldRow {
  readonly core: UringCore;
  readonly row: number;
  readonly startedMs: number;
}

/** One ring of a relay: its rows, and who is told of which completion. */
export class UringCore implements CarrierOwner {
  readonly index: number;
  readonly rings: Rings;
  readonly books: RelayBooks;
  readonly machine: Machine;
  readonly carrier: Carrier;
  readonly destinations: Destinations;
  /** By row. The first two are set only before there is a destination, the next two only after. */
  readonly #accepting: (UringListener | undefined)[];
  readonly #openings: (UringOpening | undefined)[];
  readonly #clients: ClientLedger;
  readonly #destinations: (Destination | undefined)[];
  readonly #startedMs: Float64Array;
  readonly #retries: Uint8Array;
  /** By socket: payload it sent. */
  readonly #bytes: Float64Array;
  #closing: (() => void) | undefined;
  readonly #untuned: Untuned;
  #isClosed = false;

  constructor(rings: Rings, { index, rows, buffers, entries, boundsReceives }: CoreOptions) {
    this.index = index;
    this.rings = rings;
    this.books = rings.books;
    this.machine = new Machine({
      rows,
      buffers,
      entries,
      handle: (low, high, result, flags) => this.#completed(low, high, result, flags),
      afterBatch: () => this.#afterBatch(),
    });
    this.carrier = new Carrier(this.machine, this, boundsReceives);
    this.#untuned = new Untuned(this.machine, rings.books.clock);
    this.destinations = new Destinations(rows);
    this.#accepting = Array.from({ length: rows });
    this.#openings = Array.from({ length: rows });
    this.#clients = new ClientLedger(rows);
    this.#destinations = Array.from({ length: rows });
    this.#startedMs = new Float64Array(rows);
    this.#retries = new Uint8Array(rows);
    this.#bytes = new Float64Array(2 * rows);
  }

  /** Whether a row is free now; those of ended connections follow when their last completion has come. */
  get hasRoom(): boolean {
    const { live, retired, capacity } = this.machine.table;
    return live + retired < capacity;
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
    this.#clients.keep(row, client);
    this.#destinations[row] = withoutPreface(destination);
    this.#startedMs[row] = startedMs;
    this.#retries[row] = retries;
    this.destinations.add(destination.id, row);
    hastenDestination(this.machine, row);
    this.#untuned.add(row, settings);
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
    if ((socket & 1) === 0) this.books.stats.bytesUp += bytes;
    else this.books.stats.bytesDown += bytes;
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
    this.carrier.unwatch(row);
    this.endRow(row, 'finished');
  }

  watchSoon(): void {
    this.books.clock.after(
      halfClosedMs,
      () => {
        if (!this.#isClosed) this.carrier.watchAll();
      },
      true,
    );
  }

  /** Ends a joined connection: with FIN when it finished, else with RST. */
  endRow(row: number, reason: EndReason): void {
    const client = this.#clients.take(row);
    const destination = this.#destinations[row];
    // Ended already, by a router that was told of another end.
    if (client === undefined || destination === undefined) return;
    for (const socket of [2 * row, 2 * row + 1]) {
      if (reason !== 'finished') this.carrier.reset(socket);
      else {
        this.carrier.drop(socket);
        this.machine.releaseSocket(row, socket);
      }
    }
    this.#destinations[row] = undefined;
    this.destinations.remove(destination.id, row);
    this.machine.table.release(row);
    this.books.end({
      client,
      destination,
      bytesUp: this.#bytes[2 * row]!,
      bytesDown: this.#bytes[2 * row + 1]!,
      durationMs: this.books.clock.now() - this.#startedMs[row]!,
      retries: this.#retries[row]!,
      reason,
    });
  }

  /** Up to `most` rows of a destination, oldest first. */
  oldest(destination: string, most: number): OldRow[] {
    return this.destinations
      .oldest(destination, most)
      .map((row) => ({ core: this, row, startedMs: this.#startedMs[row]! }));
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

  /** Ends all joined connections, waits until all sockets are closed, then closes the ring. */
  async close(): Promise<void> {
    for (const [id] of this.destinations.counts()) {
      for (const row of this.destinations.oldest(id, Infinity)) this.endRow(row, 'closed');
    }
    // Now, however busy the event loop is: the ring would end with FIN what was not reset when it is closed.
    this.machine.ring.submit();
    await new Promise<void>((resolve) => {
      const patience = setTimeout(resolve, closePatienceMs);
      this.#closing = () => {
        clearTimeout(patience);
        // Not from within a batch.
        setImmediate(resolve);
      };
      this.machine.loop.flush();
    });
    this.#isClosed = true;
    this.#untuned.close();
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
      case kinds.half:
        this.carrier.halved(socket, isCurrent, result);
        return;
      case kinds.probe:
        this.carrier.probed(socket, isCurrent, result);
        return;
    }
    if (kind === kinds.accept) this.#accepting[row]?.accepted(this, row, result);
    else if (kind === kinds.install) this.#accepting[row]?.installed(this, row, result);
    else if (isCurrent)
      this.#openings[row]?.step(kind & ~(attemptMost - 1), kind & (attemptMost - 1), result);
  }

  #afterBatch(): void {
    const { group, table } = this.machine;
    group.publish();
    this.carrier.feedStarved();
    this.rings.afterBatch();
    if (table.live === 0 && table.retired === 0) this.#closing?.();
  }
}

/** What the connection has sent it need not keep. */
function withoutPreface(destination: Destination): Destination {
  if (destination.preface === undefined) return destination;
  const { id, endpoint, localAddress } = destination;
  return { id, endpoint, ...(localAddress === undefined ? {} : { localAddress }) };
}
