import { syscallError } from '../errno.ts';
import * as constant from './abi/constants.ts';
import { kernel } from './kernel.ts';

/**
 * Memory the kernel may read and write: mapped, never moved by the garbage collector, at a known address. Owned; free()
 * gives the pages back at once, while the address range stays reserved (as empty pages) until no ArrayBuffer looks at
 * it any more. So a view kept for too long reads zeros, and never ends the process.
 */
export class Memory {
  readonly address: number;
  readonly bytes: number;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  #freed = false;

  private constructor(address: number, bytes: number) {
    this.address = address;
    this.bytes = bytes;
    const view = kernel().view(address, bytes);
    this.u8 = new Uint8Array(view);
    this.u16 = new Uint16Array(view);
    this.u32 = new Uint32Array(view);
  }

  /** Zeroed memory of whole pages; untouched pages cost nothing. Throws HEADGATE_LINUX_SYSCALL (ENOMEM). */
  static anonymous(bytes: number): Memory {
    return Memory.#map(bytes, constant.MAP_PRIVATE | constant.MAP_ANONYMOUS | constant.MAP_NORESERVE, -1, 0);
  }

  /** A part of a ring's descriptor. Throws HEADGATE_LINUX_SYSCALL. */
  static ofRing(fd: number, bytes: number, offset: number): Memory {
    return Memory.#map(bytes, constant.MAP_SHARED | constant.MAP_POPULATE, fd, offset);
  }

  static #map(bytes: number, flags: number, fd: number, offset: number): Memory {
    const whole = Math.ceil(bytes / pageBytes) * pageBytes;
    const address = kernel().mmap(0, whole, constant.PROT_READ_WRITE, flags, fd, offset);
    if (address < 0) throw syscallError('mmap', -address, `${whole} bytes`);
    return new Memory(address, whole);
  }

  /** Idempotent. The kernel must not be using the memory any more. */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    const flags = constant.MAP_FIXED | constant.MAP_PRIVATE | constant.MAP_ANONYMOUS | constant.MAP_NORESERVE;
    const answer = kernel().mmap(this.address, this.bytes, constant.PROT_READ_WRITE, flags, -1, 0);
    if (answer < 0) throw syscallError('mmap', -answer, 'over freed memory');
    unmapLater.register(this.u8.buffer, { address: this.address, bytes: this.bytes });
  }
}

const pageBytes = 4096;

const unmapLater = new FinalizationRegistry<{ address: number; bytes: number }>(({ address, bytes }) => {
  kernel().munmap(address, bytes);
});

/** The lower and upper 32 bits of an address or another number below 2^53. */
export function lowHalf(value: number): number {
  return value >>> 0;
}

export function highHalf(value: number): number {
  return Math.floor(value / 0x1_0000_0000) >>> 0;
}
