import { closeSync } from 'node:fs';
import { formatEndpoint, type Endpoint } from '../../lib/address/index.ts';
import { isSyscallError, silentListener } from '../../lib/linux/index.ts';

/**
 * Keeps the kernel from answering for an endpoint: a socket listens there that takes nothing. Owns
 * its descriptors.
 */
export class Silencers {
  readonly #open = new Map<string, number>();

  /** Idempotent. Throws HEADGATE_LINUX_SYSCALL. */
  silence(endpoint: Endpoint): void {
    const key = formatEndpoint(endpoint);
    if (this.#open.has(key)) return;
    this.#open.set(key, silentListener(endpoint));
  }

  /** The kernel answers again, with RST. */
  release(endpoint: Endpoint): void {
    const key = formatEndpoint(endpoint);
    const fd = this.#open.get(key);
    if (fd === undefined) return;
    this.#open.delete(key);
    closeSync(fd);
  }

  close(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }
}

/** Reserves ports of a range, one after the other, on every address; those that somebody else has are left out. */
export class SourcePorts {
  readonly #addresses: readonly string[];
  readonly #last: number;
  readonly #silencers: Silencers;
  #next: number;

  constructor(
    addresses: readonly string[],
    range: { readonly first: number; readonly last: number },
    silencers: Silencers,
  ) {
    this.#addresses = addresses;
    this.#next = range.first;
    this.#last = range.last;
    this.#silencers = silencers;
  }

  /** The next port, or undefined when none is left, or the process has no descriptor for it. */
  readonly grow = (): number | undefined => {
    while (this.#next <= this.#last) {
      const port = this.#next;
      const taken: Endpoint[] = [];
      try {
        for (const host of this.#addresses) {
          this.#silencers.silence({ host, port });
          taken.push({ host, port });
        }
        this.#next++;
        return port;
      } catch (error) {
        for (const endpoint of taken) this.#silencers.release(endpoint);
        // Out of descriptors now is not out of them for ever: this port is tried again.
        if (!isSyscallError(error, 'EADDRINUSE')) return undefined;
        this.#next++;
      }
    }
    return undefined;
  };
}
