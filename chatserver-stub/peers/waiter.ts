import type { Clock } from '../../lib/clock/index.ts';

/** Lets one loop wait for a time or for being woken, whichever is first. */
export class Waiter {
  readonly #clock: Clock;
  #resume: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(ms, () => this.wake(), true);
      this.#resume = () => {
        timer.cancel();
        this.#resume = undefined;
        resolve();
      };
    });
  }

  /** Nothing happens when nobody waits. */
  wake(): void {
    this.#resume?.();
  }
}
