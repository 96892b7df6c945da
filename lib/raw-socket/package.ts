import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { HeadgateError } from '../errors/index.ts';

/** The native part of a socket. Used after close() it opens another socket that nobody closes. */
export interface Wrap extends EventEmitter {
  /** sendto(2), at once. Throws an Error with the text of errno; else calls `done`. */
  send(packet: Uint8Array, offset: number, length: number, to: string, done: () => void): void;
  /** recvfrom(2), at once. Throws like send(). */
  recv(into: Buffer, done: (into: Buffer, bytes: number, source: string) => void): void;
}

/** What raw-socket 1.8 answers; it has no types of its own. */
export interface PackageSocket extends EventEmitter {
  readonly wrap: Wrap;
  close(): void;
  pauseRecv(): void;
  resumeRecv(): void;
  pauseSend(): void;
  resumeSend(): void;
  setOption(level: number, option: number, value: number): void;
  setOption(level: number, option: number, value: Buffer, bytes: number): void;
  getOption(level: number, option: number, value: Buffer, bytes: number): number;
}

export interface RawSocketPackage {
  /** `addressFamily`: 1 for IPv4, 2 for IPv6. */
  createSocket(options: {
    readonly protocol: number;
    readonly addressFamily: 1 | 2;
    readonly bufferSize: number;
  }): PackageSocket;
}

/** The package. Throws HEADGATE_RAW_SOCKET_UNAVAILABLE. */
export function loadPackage(): RawSocketPackage {
  // It watches its sockets from the main thread's event loop, whatever thread asks.
  if (!isMainThread) throw unavailable('only the main thread can use it');
  try {
    // createRequire: the package may be absent, and is native.
    return createRequire(import.meta.url)('raw-socket') as RawSocketPackage;
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw unavailable(line, error);
  }
}

function unavailable(why: string, cause?: unknown): HeadgateError {
  const about = `the npm package raw-socket cannot be loaded: ${why}`;
  return new HeadgateError('HEADGATE_RAW_SOCKET_UNAVAILABLE', about, cause === undefined ? {} : { cause });
}
