import { EventDescriptor } from './event-descriptor.ts';
import { watchReadable, type ReadableWatch } from '../readable.ts';
import type { CompletionHandler, Ring } from './ring.ts';

const defaultTurnMs = 2;
/** Completions between two looks at the clock; at 1 to 2 µs each. */
const batchMost = 1_024;

export interface RingLoopOptions {
  readonly ring: Ring;
  readonly handle: CompletionHandler;
  /** After each batch of completions, before the requests they led to are submitted: publish recycled buffers here. */
  readonly afterBatch?: () => void;
  /** How long the ring may keep the thread before timers, control connections and the like get their turn. Default 2. */
  readonly turnMs?: number;
  /** Milliseconds of a clock that never goes back; default performance.now. */
  readonly now?: () => number;
}

/** Counters of a RingLoop; all expected. */
export interface RingLoopStats {
  /** Turns taken. */
  turns: number;
  /** Batches of completions, several per turn. */
  batches: number;
  /** Turns that used up their time and went on in the next. */
  longTurns: number;
}

/**
 * Runs a ring from Node's event loop, in the ring's own thread. An eventfd wakes libuv; a turn then drains completions and
 * submits what they led to, batch after batch, while that leads to more. Requests written outside a turn leave with flush().
 *
 * An eventfd, and not the ring's own descriptor: that one does not become readable when a deferred ring has work.
 */
export class RingLoop {
  readonly stats: RingLoopStats = { turns: 0, batches: 0, longTurns: 0 };
  readonly #ring: Ring;
  readonly #handle: CompletionHandler;
  readonly #afterBatch: () => void;
  readonly #turnMs: number;
  readonly #now: () => number;
  readonly #event = new EventDescriptor();
  readonly #watch: ReadableWatch;
  readonly #runAsked = (): void => {
    this.#asked = undefined;
    this.#turn();
  };
  #asked: NodeJS.Immediate | undefined;
  #isReferenced = true;
  #inTurn = false;
  #closed = false;

  /** Throws HEADGATE_LINUX_SYSCALL. */
  constructor(options: RingLoopOptions) {
    this.#ring = options.ring;
    this.#handle = options.handle;
    this.#afterBatch = options.afterBatch ?? (() => undefined);
    this.#turnMs = options.turnMs ?? defaultTurnMs;
    this.#now = options.now ?? (() => performance.now());
    try {
      this.#ring.notify(this.#event);
      this.#watch = watchReadable(this.#event.fd, () => {
        this.#event.clear();
        this.#turn();
      });
    } catch (error) {
      this.#event.close();
      throw error;
    }
  }

  /** Submits what was written outside a turn, soon: once per turn of the event loop, however often it is called. */
  flush(): void {
    if (this.#closed || this.#inTurn || this.#asked !== undefined) return;
    this.#asked = setImmediate(this.#runAsked);
  }

  /** Lets the process end although the ring is watched. */
  unref(): void {
    if (this.#isReferenced) this.#watch.unref();
    this.#isReferenced = false;
  }

  ref(): void {
    if (!this.#isReferenced) this.#watch.ref();
    this.#isReferenced = true;
  }

  /** Stops watching; the ring stays open and is the caller's to close, after this. Idempotent, also from within a turn. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#asked !== undefined) clearImmediate(this.#asked);
    this.#watch.close();
    if (!this.#ring.closed) {
      this.#ring.notify(undefined);
      this.#ring.mute(false);
    }
    this.#event.close();
  }

  #turn(): void {
    if (this.#closed || this.#ring.closed) return;
    this.stats.turns++;
    this.#inTurn = true;
    let isDone = false;
    try {
      const endMs = this.#now() + this.#turnMs;
      do {
        this.#ring.mute(true);
        isDone = this.#batches(endMs);
        if (this.#isOver()) return;
        this.#ring.mute(false);
        // Nothing will signal what came meanwhile. The way through Node's event loop costs several system calls more.
      } while (isDone && this.#hasWork() && this.#now() < endMs);
    } finally {
      this.#inTurn = false;
      this.#leave(isDone);
    }
  }

  /** Returns false when the time is over. */
  #batches(endMs: number): boolean {
    const ring = this.#ring;
    // Also makes completions of what became ready: the kernel defers that to this call.
    ring.wait(0);
    for (;;) {
      const told = ring.drain(this.#handle, batchMost);
      if (this.#isOver()) return true;
      this.#afterBatch();
      // Where the ring does not tell what waits, a look that finds nothing does.
      const isAtRest = ring.tellsWork ? told < batchMost : told === 0;
      if (isAtRest && ring.queued === 0 && !ring.behind) return true;
      this.stats.batches++;
      if (this.#now() >= endMs) return false;
      ring.wait(0);
    }
  }

  #leave(isDone: boolean): void {
    const ring = this.#ring;
    if (this.#isOver()) return;
    ring.mute(false);
    if (!isDone) this.stats.longTurns++;
    else if (!ring.tellsWork) ring.wait(0);
    // Nothing will signal what is there already; and what the kernel had no memory for must be tried again.
    if (!isDone || this.#hasWork()) this.flush();
  }

  #hasWork(): boolean {
    const ring = this.#ring;
    return ring.ready > 0 || ring.queued > 0 || ring.behind;
  }

  #isOver(): boolean {
    return this.#closed || this.#ring.closed;
  }
}
