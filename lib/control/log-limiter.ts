import type { Clock } from '../clock/index.ts';

/** Lets one line per key and interval through, so that a stranger cannot fill the log. Holds at most `maxKeys` keys. */
export class LogLimiter {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #maxKeys: number;
  /** Per key: when it last spoke and what was held back since; oldest first. */
  readonly #keys = new Map<string, { readonly lastMs: number; heldBack: number }>();

  constructor(clock: Clock, intervalMs: number, maxKeys: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#maxKeys = maxKeys;
  }

  /** How many lines of `key` were held back before this one; undefined when this one must be, too. */
  admit(key: string): number | undefined {
    const nowMs = this.#clock.now();
    const known = this.#keys.has(key);
    if (!known && this.#keys.size >= this.#maxKeys) this.#forgetOld(nowMs);
    // With no room left, the newcomers share one allowance, under the empty key.
    const slot = known || this.#keys.size < this.#maxKeys ? key : '';
    const entry = this.#keys.get(slot);
    if (entry !== undefined && nowMs - entry.lastMs < this.#intervalMs) {
      entry.heldBack += 1;
      return undefined;
    }
    this.#keys.delete(slot);
    this.#keys.set(slot, { lastMs: nowMs, heldBack: 0 });
    return entry?.heldBack ?? 0;
  }

  #forgetOld(nowMs: number): void {
    for (const [key, entry] of this.#keys) {
      if (nowMs - entry.lastMs < this.#intervalMs) return;
      this.#keys.delete(key);
    }
  }
}
