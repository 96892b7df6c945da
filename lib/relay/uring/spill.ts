import { Memory } from '../../linux/uring/index.ts';

/** One piece; a connection whose peer does not read holds its bytes in as many as they need. */
export const spillBytes = 16_384;
const chunksPerSlab = 64;
const none = -1;

/**
 * Memory for bytes that wait because their receiver does not read: chunks, cut from slabs that are mapped when needed
 * and given back when empty (but one). How many a connection holds is bounded by its bufferBytes.
 */
export class SpillArena {
  readonly #slabs: (Memory | undefined)[] = [];
  readonly #used: number[] = [];
  /** Free chunks of all slabs, a stack; those of slabs given back are weeded out. */
  #free: number[] = [];
  #emptySlabs = 0;
  #chunks = 0;

  /** Chunks in use. */
  get chunks(): number {
    return this.#chunks;
  }

  /** Bytes mapped. */
  get mappedBytes(): number {
    return this.#slabs.filter((slab) => slab !== undefined).length * chunksPerSlab * spillBytes;
  }

  /** A chunk of spillBytes. Throws HEADGATE_LINUX_SYSCALL (ENOMEM). */
  take(): number {
    if (this.#free.length === 0) this.#grow();
    const chunk = this.#free.pop()!;
    const slab = Math.floor(chunk / chunksPerSlab);
    if (this.#used[slab]!++ === 0) this.#emptySlabs--;
    this.#chunks++;
    return chunk;
  }

  /** Gives a chunk back that the kernel does not use any more. */
  give(chunk: number): void {
    const slab = Math.floor(chunk / chunksPerSlab);
    this.#chunks--;
    this.#free.push(chunk);
    if (--this.#used[slab]! > 0) return;
    if (++this.#emptySlabs > 1) this.#drop(slab);
  }

  address(chunk: number, offset = 0): number {
    return this.#slabOf(chunk).address + (chunk % chunksPerSlab) * spillBytes + offset;
  }

  /** Copies bytes into a chunk. */
  write(chunk: number, offset: number, bytes: Uint8Array): void {
    this.#slabOf(chunk).u8.set(bytes, (chunk % chunksPerSlab) * spillBytes + offset);
  }

  /** Bytes of a chunk; they change when it is given back. */
  view(chunk: number, offset: number, bytes: number): Uint8Array {
    const first = (chunk % chunksPerSlab) * spillBytes + offset;
    return this.#slabOf(chunk).u8.subarray(first, first + bytes);
  }

  /** Frees everything; the kernel must not be using any of it. */
  close(): void {
    for (const slab of this.#slabs) slab?.free();
    this.#slabs.length = 0;
    this.#used.length = 0;
    this.#free = [];
    this.#emptySlabs = 0;
    this.#chunks = 0;
  }

  #slabOf(chunk: number): Memory {
    return this.#slabs[Math.floor(chunk / chunksPerSlab)]!;
  }

  #grow(): void {
    const memory = Memory.anonymous(chunksPerSlab * spillBytes);
    const hole = this.#slabs.indexOf(undefined);
    const slab = hole === none ? this.#slabs.length : hole;
    this.#slabs[slab] = memory;
    this.#used[slab] = 0;
    this.#emptySlabs++;
    // Backwards, so that they are taken in the order of their addresses.
    for (let chunk = chunksPerSlab - 1; chunk >= 0; chunk--) this.#free.push(slab * chunksPerSlab + chunk);
  }

  #drop(slab: number): void {
    this.#slabs[slab]!.free();
    this.#slabs[slab] = undefined;
    this.#emptySlabs--;
    this.#free = this.#free.filter((chunk) => Math.floor(chunk / chunksPerSlab) !== slab);
  }
}
