/** Pauses between attempts: each twice the one before, up to a limit, shortened by up to half at random. */
export class Backoff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  readonly #random: () => number;
  #nextMs: number;

  /** `random` gives numbers from 0 up to 1. */
  constructor(firstMs: number, mostMs: number, random: () => number) {
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
    this.#random = random;
    this.#nextMs = firstMs;
  }

  /** The pause before the next attempt. Random, so that those who lost the same server do not come back together. */
  next(): number {
    const pauseMs = this.#nextMs * (1 - this.#random() / 2);
    this.#nextMs = Math.min(this.#mostMs, this.#nextMs * 2);
    return pauseMs;
  }

  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}
