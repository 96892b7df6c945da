export interface Waiting {
  readonly packet: Uint8Array;
  readonly to: string;
}

/** Packets that wait for room in the kernel, first in first out, at most `limitBytes` of them. */
export class SendQueue {
  readonly #limitBytes: number;
  #items: (Waiting | undefined)[] = [];
  #head = 0;
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get packets(): number {
    return this.#items.length - this.#head;
  }

  /** The first one, which stays. */
  get first(): Waiting | undefined {
    return this.#items[this.#head];
  }

  /** False when it has no room. */
  add(item: Waiting): boolean {
    if (this.#bytes + item.packet.length > this.#limitBytes) return false;
    this.#items.push(item);
    this.#bytes += item.packet.length;
    return true;
  }

  dropFirst(): void {
    const first = this.#items[this.#head];
    if (first === undefined) return;
    this.#items[this.#head++] = undefined;
    this.#bytes -= first.packet.length;
    // Moved only when at least half of the array is air, so that each item is moved a bounded number of times.
    if (this.#head * 2 < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }

  /** Empties it and answers how many there were. */
  clear(): number {
    const { packets } = this;
    this.#items = [];
    this.#head = 0;
    this.#bytes = 0;
    return packets;
  }
}
