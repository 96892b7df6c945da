/**
 * Gathers entries and sends those of one turn of the event loop together. While a batch is on its way the next one
 * gathers, so that a slow receiver makes batches larger instead of messages more. Keeps everything it is given: whoever
 * pushes bounds it.
 */
export class Batcher<Entry> {
  readonly #send: (entries: readonly Entry[], sent: () => void) => void;
  readonly #most: number;
  #waiting: Entry[] = [];
  #busy = false;

  /** `send` calls `sent` once the batch has left the process; a batch has at most `most` entries. */
  constructor(send: (entries: readonly Entry[], sent: () => void) => void, most: number) {
    this.#send = send;
    this.#most = most;
  }

  push(entry: Entry): void {
    this.#waiting.push(entry);
    if (this.#busy) return;
    this.#busy = true;
    setImmediate(() => this.#flush());
  }

  get length(): number {
    return this.#waiting.length;
  }

  #flush(): void {
    if (this.#waiting.length === 0) {
      this.#busy = false;
      return;
    }
    const batch = this.#waiting.splice(0, this.#most);
    this.#send(batch, () => this.#flush());
  }
}
