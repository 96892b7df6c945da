import { closeSync } from 'node:fs';
import { mapShared, memoryFile, type Mapping } from '../linux/index.ts';

/** Memory of one process and those it starts. Owns the mapping, and in the process that made it the descriptor. */
export class SharedMemory {
  readonly buffer: ArrayBuffer;
  /** For the `stdio` of a child process; open until close() in the process that made it, -1 in others. */
  readonly fd: number;
  readonly #mapping: Mapping;
  #closed = false;

  private constructor(mapping: Mapping, fd: number) {
    this.#mapping = mapping;
    this.buffer = mapping.buffer;
    this.fd = fd;
  }

  /** New zeroed memory; `name` is for /proc. Throws HEADGATE_LINUX_SYSCALL or HEADGATE_LINUX_UNAVAILABLE. */
  static create(name: string, bytes: number): SharedMemory {
    const fd = memoryFile(name, bytes);
    try {
      return new SharedMemory(mapShared(fd, bytes), fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** The memory behind an inherited descriptor, which is closed: the mapping does not need it. Throws as create(). */
  static open(fd: number, bytes: number): SharedMemory {
    try {
      return new SharedMemory(mapShared(fd, bytes), -1);
    } finally {
      closeSync(fd);
    }
  }

  /** Gives the memory back; views read zeros then. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#mapping.unmap();
    if (this.fd !== -1) closeSync(this.fd);
  }
}
