import { spillBytes, type SpillArena } from './spill.ts';

/**
 * Bytes of one direction that wait for a receiver that does not read, in the arena's chunks. The first ones may be on
 * their way through the kernel: they stay where they are until consume() is told how many were taken.
 */
export class SpillQueue {
  readonly #arena: SpillArena;
  readonly #chunks: number[] = [];
  /** Where the unsent bytes begin in the first chunk, and where the last chunk's end. */
  #start = 0;
  #end = spillBytes;

  constructor(arena: SpillArena) {
    this.#arena = arena;
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#chunks.length === 0 || this.#end === spillBytes) {
        if (this.#chunks.length === 0) this.#start = 0;
        this.#chunks.push(this.#arena.take());
        this.#end = 0;
      }
      const length = Math.min(bytes.length - at, spillBytes - this.#end);
      this.#arena.write(this.#chunks.at(-1)!, this.#end, bytes.subarray(at, at + length));
      this.#end += length;
      at += length;
    }
  }

  /** Address of the first unsent byte; only when there is one. */
  get address(): number {
    return this.#arena.address(this.#chunks[0]!, this.#start);
  }

  /** How many bytes follow it without a gap. */
  get length(): number {
    return (this.#chunks.length === 1 ? this.#end : spillBytes) - this.#start;
  }

  /** These bytes. */
  get view(): Uint8Array {
    return this.#arena.view(this.#chunks[0]!, this.#start, this.length);
  }

  /** The first `bytes` bytes were taken. At most `length`. */
  consume(bytes: number): void {
    this.#start += bytes;
    if (this.#start < (this.#chunks.length === 1 ? this.#end : spillBytes)) return;
    this.#arena.give(this.#chunks.shift()!);
    this.#start = 0;
    if (this.#chunks.length === 0) this.#end = spillBytes;
  }

  /** Drops everything but the first chunk when `keepsFirst`: a request under way uses it. */
  drop(keepsFirst: boolean): void {
    const kept = keepsFirst ? 1 : 0;
    for (const chunk of this.#chunks.splice(kept)) this.#arena.give(chunk);
    this.#end = spillBytes;
  }
}
