import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import type Koffi from 'koffi';
import { HeadgateError } from '../../errors/index.ts';
import { linuxAvailable } from '../libc.ts';
import { SYS_io_uring_enter, SYS_io_uring_register, SYS_io_uring_setup } from './abi/constants.ts';

/**
 * The system calls of this room. Each answers a value of 0 or more, or a negative errno. Addresses are numbers: user
 * space ends below 2^48 on x86-64 and arm64, so that they are safe integers.
 */
export interface Kernel {
  readonly setup: (entries: number, params: Uint8Array) => number;
  /** `argument` is the address of an io_uring_getevents_arg, or 0. */
  readonly enter: (
    ring: number,
    toSubmit: number,
    minComplete: number,
    flags: number,
    argument: number,
    argumentBytes: number,
  ) => number;
  readonly register: (ring: number, opcode: number, argument: Uint8Array | null, count: number) => number;
  readonly mmap: (
    at: number,
    bytes: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ) => number;
  readonly munmap: (at: number, bytes: number) => number;
  readonly eventfd: (flags: number) => number;
  readonly read: (fd: number, into: Uint8Array) => number;
  readonly write: (fd: number, from: Uint8Array) => number;
  readonly close: (fd: number) => number;
  /** An ArrayBuffer over memory that JavaScript does not own; see memory.ts for the danger in that. */
  readonly view: (at: number, bytes: number) => ArrayBuffer;
}

let loaded: Kernel | undefined;

/** The door. Throws HEADGATE_URING_UNAVAILABLE where no system call can be made, or the machine is big-endian. */
export function kernel(): Kernel {
  loaded ??= load();
  return loaded;
}

function load(): Kernel {
  const answer = linuxAvailable();
  if (!answer.available) throw unavailable(answer.reason);
  // The two halves of a 64-bit field are written as u32, low half first.
  if (endianness() !== 'LE') throw unavailable('this machine is big-endian');
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const library = koffi.load(null);
  const setup = library.func('int syscall(long, unsigned int, void *)');
  const enter = library.func(
    'int syscall(long, unsigned int, unsigned int, unsigned int, unsigned int, intptr_t, size_t)',
  );
  const register = library.func('int syscall(long, unsigned int, unsigned int, void *, unsigned int)');
  const mmap = library.func('intptr_t mmap(intptr_t, size_t, int, int, int, intptr_t)');
  const munmap = library.func('int munmap(intptr_t, size_t)');
  const eventfd = library.func('int eventfd(unsigned int, int)');
  const read = library.func('intptr_t read(int, void *, size_t)');
  const write = library.func('intptr_t write(int, const void *, size_t)');
  const close = library.func('int close(int)');
  const orErrno = (result: number): number => (result === -1 ? -koffi.errno() : result);
  return {
    setup: (entries, params) => orErrno(setup(SYS_io_uring_setup, entries, params) as number),
    enter: (ring, toSubmit, minComplete, flags, argument, argumentBytes) =>
      orErrno(
        enter(SYS_io_uring_enter, ring, toSubmit, minComplete, flags, argument, argumentBytes) as number,
      ),
    register: (ring, opcode, argument, count) =>
      orErrno(register(SYS_io_uring_register, ring, opcode, argument, count) as number),
    mmap: (at, bytes, protection, flags, fd, offset) =>
      orErrno(mmap(at, bytes, protection, flags, fd, offset) as number),
    munmap: (at, bytes) => orErrno(munmap(at, bytes) as number),
    eventfd: (flags) => orErrno(eventfd(0, flags) as number),
    read: (fd, into) => orErrno(read(fd, into, into.byteLength) as number),
    write: (fd, from) => orErrno(write(fd, from, from.byteLength) as number),
    close: (fd) => orErrno(close(fd) as number),
    view: (at, bytes) => koffi.view(BigInt(at), bytes),
  };
}

function unavailable(reason: string): HeadgateError {
  return new HeadgateError('HEADGATE_URING_UNAVAILABLE', `io_uring is missing here: ${reason}`);
}
