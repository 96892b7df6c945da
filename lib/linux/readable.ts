import { createRequire } from 'node:module';
import type Koffi from 'koffi';

/** A watch on a descriptor. While it is open and referenced, Node's event loop stays alive. */
export interface ReadableWatch {
  ref(): void;
  unref(): void;
  /** Idempotent. Close it before the descriptor. */
  close(): void;
}

/**
 * Calls `onReadable` from Node's event loop while `fd` is readable (level-triggered): once per turn of the loop, with
 * ticks and promises run after it and exceptions told as uncaught, like any other callback. It may close the watch.
 *
 * This is the one place that knows koffi's uv_poll, which koffi does not document.
 */
export function watchReadable(fd: number, onReadable: () => void): ReadableWatch {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  let closed = false;
  const handle = koffi.node.poll(fd, { readable: true }, () => {
    if (closed) return;
    try {
      onReadable();
    } catch (error) {
      // koffi loses an exception when the watch was closed in the same call.
      setImmediate(() => {
        throw error;
      });
    }
  });
  // The handle stops watching when it is collected as garbage.
  open.add(handle);
  return {
    ref: () => {
      if (!closed) handle.ref();
    },
    unref: () => {
      if (!closed) handle.unref();
    },
    close: () => {
      if (closed) return;
      closed = true;
      open.delete(handle);
      handle.close();
    },
  };
}

const open = new Set<ReturnType<(typeof Koffi)['node']['poll']>>();
