import { createRequire } from 'node:module';
import type Koffi from 'koffi';
import { HeadgateError } from '../../../errors/index.ts';
import { linuxAvailable } from '../../libc.ts';

/**
 * The functions of the C library that eBPF needs, over koffi; those that fail answer -1, then `errno()` says
 * why.
 */
export interface Door {
  syscall(number: number, command: number, attributes: Uint8Array, bytes: number): number | bigint;
  mmap(
    address: number,
    bytes: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ): number | bigint;
  munmap(address: number | bigint, bytes: number): number;
  mount(source: string, target: string, type: string, flags: number, data: null): number;
  umount2(target: string, flags: number): number;
  /** Writes the name of an interface of at most 16 bytes; null when there is none. */
  if_indextoname(ifindex: number, name: Uint8Array): string | null;
  /** Where the bytes lie. Valid while somebody holds `buffer`. */
  address(buffer: Uint8Array): bigint;
  /** The `bytes` bytes at `address`, not copied. */
  view(address: bigint, bytes: number): ArrayBuffer;
  errno(): number;
}

let opened: Door | undefined;

/** Opens the door at first use. Throws HEADGATE_BPF_UNAVAILABLE where there are no system calls. */
export function door(): Door {
  if (opened !== undefined) return opened;
  const answer = linuxAvailable();
  if (!answer.available) {
    throw new HeadgateError('HEADGATE_BPF_UNAVAILABLE', `no eBPF here: ${answer.reason}`);
  }
  // createRequire: importing this room must work where koffi cannot be loaded.
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const library = koffi.load(null);
  opened = {
    syscall: library.func('long syscall(long, int, void *, unsigned int)'),
    mmap: library.func('intptr_t mmap(intptr_t, size_t, int, int, int, long)'),
    munmap: library.func('int munmap(intptr_t, size_t)'),
    mount: library.func('int mount(const char *, const char *, const char *, unsigned long, void *)'),
    umount2: library.func('int umount2(const char *, int)'),
    if_indextoname: library.func('const char *if_indextoname(unsigned int, void *)'),
    address: (buffer) => koffi.address(buffer),
    view: (address, bytes) => koffi.view(address, bytes),
    errno: () => koffi.errno(),
  };
  return opened;
}
