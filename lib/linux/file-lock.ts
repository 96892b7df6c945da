import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import type Koffi from 'koffi';
import { errnoName, syscallError } from './errno.ts';
import { libc } from './libc.ts';

/** include/uapi/asm-generic/fcntl.h */
const LOCK_EX = 2;
const LOCK_NB = 4;

let flock: ((fd: number, operation: number) => number) | undefined;

/** A lock that is held. */
export interface FileLock {
  /** Idempotent. */
  release(): void;
}

/**
 * Takes the lock on a file (flock(2)), which is made with mode 0600 when it is missing and never removed; undefined when
 * somebody holds it. The kernel releases it when this process ends, however that happens. Throws HEADGATE_LINUX_SYSCALL,
 * HEADGATE_LINUX_UNAVAILABLE, or what opening the file throws.
 */
export function tryFileLock(path: string): FileLock | undefined {
  const { errno } = libc();
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  flock ??= koffi.load(null).func('int flock(int, int)') as (fd: number, operation: number) => number;
  const fd = openSync(path, 'a', 0o600);
  if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
    const failure = errno();
    closeSync(fd);
    // EWOULDBLOCK is EAGAIN.
    if (errnoName(failure) === 'EAGAIN') return undefined;
    throw syscallError('flock', failure, path);
  }
  let held = true;
  return {
    release: () => {
      if (held) closeSync(fd);
      held = false;
    },
  };
}
