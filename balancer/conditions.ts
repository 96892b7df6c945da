import type { Clock } from '../lib/clock/index.ts';

/** Waits for conditions over state that changes with events; whoever changes it calls `wake`. */
export class Conditions {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when `condition` holds, when the time is over, or when these conditions are closed. */
  when(condition: () => boolean, timeoutMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        this.#waiting.delete(look);
        timer?.cancel();
        resolve();
      };
      const look = (): void => {
        if (this.#closed || condition()) settle();
      };
      const timer = timeoutMs === undefined ? undefined : this.#clock.after(timeoutMs, settle, true);
      this.#waiting.add(look);
      look();
    });
  }

  /** Looks at every condition again. */
  wake(): void {
    for (const look of this.#waiting) look();
  }

  /** Nobody waits any more, now and later. */
  close(): void {
    this.#closed = true;
    this.wake();
  }
}
