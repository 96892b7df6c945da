/** First pause, and its upper end; it doubles in between. */
const firstPauseMs = 100;
const longestPauseMs = 5_000;
/** A worker that lived this long was well: its death is not counted with those before. */
const wellMs = 10_000;

/** How long to wait before a place in the fleet is filled again: not at all, unless workers keep dying in it. */
export class RespawnDelay {
  #deaths = 0;

  /** `livedMs`: age of the worker that died. */
  next(livedMs: number): number {
    if (livedMs >= wellMs) this.#deaths = 0;
    const delayMs = this.#deaths === 0 ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#deaths - 1));
    this.#deaths++;
    return delayMs;
  }
}
