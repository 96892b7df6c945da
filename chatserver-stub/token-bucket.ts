/** Lets `perSecond` through on average and `atOnce` in a burst. The time is an argument. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #atOnce: number;
  #tokens: number;
  #filledMs: number;

  constructor(perSecond: number, atOnce: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#atOnce = atOnce;
    this.#tokens = atOnce;
    this.#filledMs = nowMs;
  }

  /** Takes `cost` tokens, going into debt when there are fewer; milliseconds until the debt is paid, 0 for none. */
  take(cost: number, nowMs: number): number {
    const earned = ((nowMs - this.#filledMs) / 1_000) * this.#perSecond;
    this.#tokens = Math.min(this.#atOnce, this.#tokens + earned) - cost;
    this.#filledMs = nowMs;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSecond) * 1_000;
  }
}
