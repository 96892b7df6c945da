import { HeadgateError } from '../../../errors/index.ts';
import { syscallError } from '../../errno.ts';
import { door } from '../sys/door.ts';
import { Errno } from '../sys/errno.ts';
import type { MapSpec } from './spec.ts';

/** include/uapi/asm-generic/mman*.h */
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
/** The kernel rounds each value of an array up to this. */
const SLOT = 8;

/**
 * The values of a mmapable array as memory: reads and writes need no system call, and a program sees an
 * aligned number of up to 8 bytes whole. Values lie `stride` bytes apart. Take `bytes` anew for each use and
 * do not keep it: it points nowhere after close(), and reading it then ends the process.
 */
export class MappedMemory {
  readonly stride: number;
  readonly #what: string;
  readonly #address: bigint;
  readonly #length: number;
  #bytes: Uint8Array | undefined;

  constructor(what: string, address: bigint, length: number, stride: number) {
    this.#what = what;
    this.#address = address;
    this.#length = length;
    this.stride = stride;
    this.#bytes = new Uint8Array(door().view(address, length));
  }

  /** All values. Throws HEADGATE_BPF_CLOSED after close(). */
  get bytes(): Uint8Array {
    if (this.#bytes === undefined) throw new HeadgateError('HEADGATE_BPF_CLOSED', `${this.#what} is closed`);
    return this.#bytes;
  }

  /** Takes the mapping away. Idempotent. */
  close(): void {
    if (this.#bytes === undefined) return;
    this.#bytes = undefined;
    if (door().munmap(this.#address, this.#length) < 0)
      throw syscallError('munmap', door().errno(), this.#what);
  }
}

/**
 * Maps an array. Throws HEADGATE_BPF_SPEC when it was not made mmapable, HEADGATE_BPF_MAP when the kernel
 * refuses.
 */
export function mapArray(
  name: string,
  fd: number,
  spec: MapSpec,
  access: 'read' | 'read-write',
): MappedMemory {
  if (spec.mmapable !== true) {
    throw new HeadgateError('HEADGATE_BPF_SPEC', `eBPF map ${name}: its spec does not say mmapable`);
  }
  const stride = Math.ceil(spec.valueSize / SLOT) * SLOT;
  const length = stride * spec.maxEntries;
  const protection = access === 'read' ? PROT_READ : PROT_READ | PROT_WRITE;
  const address = BigInt(door().mmap(0, length, protection, MAP_SHARED, fd, 0));
  if (address === -1n) {
    const errno = door().errno();
    throw new HeadgateError('HEADGATE_BPF_MAP', `map eBPF map ${name} into memory`, {
      cause: syscallError('mmap', errno),
      // A frozen map can be mapped for reading only.
      facts: { map: name, errno, frozen: errno === Errno.EPERM },
    });
  }
  return new MappedMemory(`the memory of eBPF map ${name}`, address, length, stride);
}
