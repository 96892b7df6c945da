import { createRequire } from 'node:module';
import type Koffi from 'koffi';
import { HeadgateError } from '../errors/index.ts';

/** The functions of the C library used here. Each answers -1 on failure; then `errno()` says why. */
export interface Libc {
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly bind: (fd: number, address: Uint8Array, addressBytes: number) => number;
  readonly listen: (fd: number, backlog: number) => number;
  readonly close: (fd: number) => number;
  readonly shutdown: (fd: number, how: number) => number;
  readonly send: (fd: number, bytes: Uint8Array, length: number, flags: number) => number;
  readonly setsockopt: (
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    valueBytes: number,
  ) => number;
  /** `valueBytes` is an in-out u32: room on the way in, length on the way out. */
  readonly getsockopt: (
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    valueBytes: Uint8Array,
  ) => number;
  /** `addressBytes` is an in-out u32, as in getsockopt. */
  readonly getsockname: (fd: number, address: Uint8Array, addressBytes: Uint8Array) => number;
  readonly alarm: (seconds: number) => number;
  readonly prctl: (option: number, two: number, three: number, four: number, five: number) => number;
  /** Where the bytes lie; valid while somebody holds them. */
  readonly address: (bytes: Uint8Array) => bigint;
  /** errno of the last failed call; valid only right after it. */
  readonly errno: () => number;
}

/** Whether system calls can be made, and if not, why (one short line). */
export type LinuxAvailability =
  { readonly available: true } | { readonly available: false; readonly reason: string };

let loaded: Libc | undefined;
let availability: LinuxAvailability | undefined;

/** Probes once and remembers: Linux, koffi loadable, the C library's symbols found. Never throws. */
export function linuxAvailable(): LinuxAvailability {
  availability ??= probe();
  return availability;
}

/** The C library. Throws HEADGATE_LINUX_UNAVAILABLE where linuxAvailable() says no. */
export function libc(): Libc {
  const answer = linuxAvailable();
  if (!answer.available || loaded === undefined) {
    const reason = answer.available ? 'not loaded' : answer.reason;
    throw new HeadgateError('HEADGATE_LINUX_UNAVAILABLE', `no system calls here: ${reason}`);
  }
  return loaded;
}

function probe(): LinuxAvailability {
  if (process.platform !== 'linux')
    return { available: false, reason: `this is ${process.platform}, not Linux` };
  try {
    loaded = load();
    return { available: true };
  } catch (error) {
    const [line = 'unknown'] = (error instanceof Error ? error.message : String(error)).split('\n');
    return { available: false, reason: `koffi cannot be loaded: ${line}` };
  }
}

function load(): Libc {
  // createRequire instead of an import: loading a native module must be allowed to fail, and be synchronous.
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const library = koffi.load(null);
  return {
    socket: library.func('int socket(int, int, int)'),
    bind: library.func('int bind(int, const void *, unsigned int)'),
    listen: library.func('int listen(int, int)'),
    close: library.func('int close(int)'),
    shutdown: library.func('int shutdown(int, int)'),
    send: library.func('int64_t send(int, const void *, size_t, int)'),
    setsockopt: library.func('int setsockopt(int, int, int, const void *, unsigned int)'),
    getsockopt: library.func('int getsockopt(int, int, int, void *, void *)'),
    getsockname: library.func('int getsockname(int, void *, void *)'),
    alarm: library.func('unsigned int alarm(unsigned int)'),
    prctl: library.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)'),
    address: (bytes) => koffi.address(bytes),
    errno: () => koffi.errno(),
  };
}
