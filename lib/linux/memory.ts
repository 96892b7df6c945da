import { createRequire } from 'node:module';
import type Koffi from 'koffi';
import { linuxAvailable, libc } from './libc.ts';
import { syscallError } from './errno.ts';

/** include/uapi/linux/memfd.h */
const MFD_CLOEXEC = 1;
/** include/uapi/asm-generic/mman-common.h, mman.h */
const PROT_READ_WRITE = 1 | 2;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;

/** The calls about memory; addresses are numbers, as user space ends below 2^48 on x86-64 and arm64. */
interface MemoryCalls {
  readonly create: (name: string, flags: number) => number;
  readonly truncate: (fd: number, bytes: number) => number;
  readonly map: (
    at: number,
    bytes: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ) => number;
  readonly unmap: (at: number, bytes: number) => number;
  readonly view: (at: number, bytes: number) => ArrayBuffer;
}

let loaded: MemoryCalls | undefined;

function calls(): MemoryCalls {
  // Throws where there are no system calls.
  libc();
  return (loaded ??= load());
}

function load(): MemoryCalls {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const library = koffi.load(null);
  return {
    create: library.func('int memfd_create(const char *, unsigned int)'),
    truncate: library.func('int ftruncate(int, long)'),
    map: library.func('intptr_t mmap(intptr_t, size_t, int, int, int, long)'),
    unmap: library.func('int munmap(intptr_t, size_t)'),
    view: (at, bytes) => koffi.view(BigInt(at), bytes),
  };
}

/**
 * A nameless file in memory (memfd_create(2)) of `bytes` zeros; pages nobody touches cost nothing. Returns its
 * descriptor, which a child process may inherit. `name` is for /proc. Throws HEADGATE_LINUX_SYSCALL, or
 * HEADGATE_LINUX_UNAVAILABLE.
 */
export function memoryFile(name: string, bytes: number): number {
  const { create, truncate } = calls();
  const fd = create(name, MFD_CLOEXEC);
  if (fd === -1) throw syscallError('memfd_create', libc().errno(), name);
  if (truncate(fd, bytes) === 0) return fd;
  const error = syscallError('ftruncate', libc().errno(), `${bytes} bytes`);
  libc().close(fd);
  throw error;
}

/** Memory that every process that maps the same file shares. */
export interface Mapping {
  readonly buffer: ArrayBuffer;
  /**
   * Gives the pages back. A view that somebody keeps reads zeros from then on and shares nothing; the address range goes
   * when the buffer does. Idempotent.
   */
  unmap(): void;
}

const unmapLater = new FinalizationRegistry<{ readonly at: number; readonly bytes: number }>(
  ({ at, bytes }) => void calls().unmap(at, bytes),
);

/** Maps the first `bytes` of a file for reading and writing, shared. Throws HEADGATE_LINUX_SYSCALL. */
export function mapShared(fd: number, bytes: number): Mapping {
  const { map, view } = calls();
  const at = map(0, bytes, PROT_READ_WRITE, MAP_SHARED, fd, 0);
  if (at === -1) throw syscallError('mmap', libc().errno(), `${bytes} bytes`);
  const buffer = view(at, bytes);
  let mapped = true;
  return {
    buffer,
    unmap() {
      if (!mapped) return;
      mapped = false;
      // Empty pages over it instead of a hole: a read through an old view must not end the process.
      const flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
      if (map(at, bytes, PROT_READ_WRITE, flags, -1, 0) === -1)
        throw syscallError('mmap', libc().errno(), 'over freed memory');
      unmapLater.register(buffer, { at, bytes });
    },
  };
}

/** Whether memory can be shared here; if not, why. Probes once per call, and leaves nothing behind. */
export function sharedMemoryAvailable(): { readonly available: boolean; readonly reason: string } {
  const linux = linuxAvailable();
  if (!linux.available) return { available: false, reason: linux.reason };
  try {
    const fd = memoryFile('headgate-probe', 4_096);
    try {
      mapShared(fd, 4_096).unmap();
    } finally {
      libc().close(fd);
    }
    return { available: true, reason: '' };
  } catch (error) {
    return { available: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
