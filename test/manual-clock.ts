import type { Clock, Timer } from '../lib/clock/index.ts';

/** A clock that moves only when told; timers due at the same moment run in the order they were made. */
export class ManualClock implements Clock {
  #now = 0;
  #next = 0;
  readonly #timers = new Map<number, { due: number; run: () => void }>();

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): Timer {
    const id = this.#next++;
    this.#timers.set(id, { due: this.#now + Math.max(0, delayMs), run });
    return { cancel: () => void this.#timers.delete(id) };
  }

  /** Moves time forward, running each timer that falls due at its own moment. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      let first: number | undefined;
      let due = Infinity;
      for (const [id, timer] of this.#timers) {
        if (timer.due <= end && timer.due < due) {
          first = id;
          due = timer.due;
        }
      }
      if (first === undefined) break;
      const { run } = this.#timers.get(first)!;
      this.#timers.delete(first);
      this.#now = Math.max(this.#now, due);
      run();
    }
    this.#now = end;
  }

  get pending(): number {
    return this.#timers.size;
  }
}
