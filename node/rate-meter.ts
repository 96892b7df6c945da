import type { Clock } from '../lib/clock/index.ts';

interface Sample {
  readonly atMs: number;
  readonly total: number;
}

/** Events per second over a window, from samples of a counter that only grows. */
export class RateMeter {
  readonly #clock: Clock;
  readonly #windowMs: number;
  /** Oldest first; the first one is the youngest that is at least a window old, if any is. */
  #samples: Sample[];

  /** `windowMs`: default five seconds. Counts from the moment it is made, when the counter stood at `total`. */
  constructor(clock: Clock, windowMs = 5_000, total = 0) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.#samples = [{ atMs: clock.now(), total }];
  }

  /** Notes where the counter stands; call it about once a second. Keeps only what the window needs. */
  sample(total: number): void {
    const atMs = this.#clock.now();
    const second = this.#samples.findLastIndex((sample) => atMs - sample.atMs >= this.#windowMs);
    this.#samples = this.#samples.slice(Math.max(0, second));
    const last = this.#samples.at(-1);
    // Many samples in a moment would make the list long without making it better.
    if (last === undefined || atMs - last.atMs >= this.#windowMs / 20) this.#samples.push({ atMs, total });
  }

  /** Events per second between a window ago and now, when the counter stands at `total`. */
  perSecond(total: number): number {
    const nowMs = this.#clock.now();
    const old = this.#samples.findLast((sample) => nowMs - sample.atMs >= this.#windowMs);
    const from = old ?? this.#samples[0];
    if (from === undefined) return 0;
    // Just after the start a second is the least, or one connection would look like a thousand per second.
    const elapsedMs = Math.max(nowMs - from.atMs, 1_000);
    return Math.max(0, ((total - from.total) * 1_000) / elapsedMs);
  }
}
