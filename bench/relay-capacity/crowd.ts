import { AF_INET, IP_BIND_ADDRESS_NO_PORT, IPPROTO_IP, SOCK_STREAM } from '../../lib/linux/index.ts';
import {
  direct,
  DirectTable,
  encodeSockaddr,
  Memory,
  prepareBind,
  prepareConnect,
  prepareReceive,
  prepareSend,
  prepareSetSocketOption,
  prepareSocketDirect,
  Ring,
} from '../../lib/linux/uring/index.ts';
import { greetingBytes } from './hall.ts';

/** Connects under way at one time. */
const underWayMost = 128;
const requestsPerClient = 6;
const patienceMs = 10_000;
const at = { to: 0, one: 64, greeting: 72, hello: 128, from: 512 } as const;
const fromBytes = 32;
const greeted = 1;

/** Clients that connect from a few addresses, say hello, hear the greeting and stay. Blocks this thread while they come. */
export class Crowd {
  readonly #ring = new Ring({ entries: 1_024 });
  readonly #memory = Memory.anonymous(4_096);
  readonly #sockaddrBytes: number;
  readonly #hello: number;
  /** Clients that were greeted. */
  size = 0;
  #begun = 0;
  readonly #sources: number;

  constructor(to: { host: string; port: number }, from: readonly string[], hello: Uint8Array, most: number) {
    this.#sources = from.length;
    new DirectTable(this.#ring, { slots: most });
    const sockaddr = encodeSockaddr(to);
    this.#sockaddrBytes = sockaddr.length;
    this.#memory.u8.set(sockaddr, at.to);
    for (const [index, source] of from.entries()) {
      this.#memory.u8.set(encodeSockaddr({ host: source, port: 0 }), at.from + index * fromBytes);
    }
    this.#memory.u32[at.one / 4] = 1;
    this.#memory.u8.set(hello, at.hello);
    this.#hello = hello.length;
  }

  /** That many more. Throws when one fails, or none comes for ten seconds. */
  grow(count: number): void {
    const end = this.size + count;
    while (this.size < end) {
      while (this.#begun < end && this.#begun - this.size < underWayMost) this.#begin(this.#begun++);
      this.#ring.wait(1, patienceMs);
      if (this.#ring.drain(this.#handle) === 0) throw new Error(`no client was greeted, after ${this.size}`);
    }
  }

  close(): void {
    this.#ring.close();
    this.#memory.free();
  }

  readonly #handle = (low: number, _high: number, result: number): void => {
    if (result < 0) throw new Error(`request ${low} of client ${this.size} failed: errno ${-result}`);
    if (low !== greeted) return;
    if (result !== greetingBytes) throw new Error(`a client heard ${result} bytes`);
    this.size++;
  };

  #begin(slot: number): void {
    const ring = this.#ring;
    const here = this.#memory.address;
    const from = here + at.from + (slot % this.#sources) * fromBytes;
    ring.reserve(requestsPerClient);
    prepareSocketDirect(ring.sqe(2, 0), AF_INET, SOCK_STREAM, 0, slot).link().skipSuccess();
    prepareSetSocketOption(
      ring.sqe(3, 0),
      direct(slot),
      IPPROTO_IP,
      IP_BIND_ADDRESS_NO_PORT,
      here + at.one,
      4,
    )
      .link()
      .skipSuccess();
    prepareBind(ring.sqe(4, 0), direct(slot), from, this.#sockaddrBytes).link().skipSuccess();
    prepareConnect(ring.sqe(5, 0), direct(slot), here + at.to, this.#sockaddrBytes)
      .link()
      .skipSuccess();
    prepareSend(ring.sqe(6, 0), direct(slot), here + at.hello, this.#hello)
      .link()
      .skipSuccess();
    prepareReceive(ring.sqe(greeted, 0), direct(slot), here + at.greeting, greetingBytes);
  }
}
