import type { ExecutionContext } from 'ava';
import type { Endpoint } from '../../../lib/address/index.ts';
import { AF_INET, SOCK_STREAM } from '../../../lib/linux/index.ts';
import {
  direct,
  DirectTable,
  encodeSockaddr,
  Memory,
  prepareConnect,
  prepareSocketDirect,
  Ring,
} from '../../../lib/linux/uring/index.ts';

const batch = 200;

/** Connects `count` clients that say nothing, and holds them until the test ends. Throws when one does not get in. */
export function connectMany(t: ExecutionContext, to: Endpoint, count: number): void {
  const memory = Memory.anonymous(64);
  const ring = new Ring({ entries: 1_024 });
  t.teardown(() => {
    ring.close();
    memory.free();
  });
  new DirectTable(ring, { slots: count });
  const sockaddr = encodeSockaddr(to);
  memory.u8.set(sockaddr);
  let connected = 0;
  for (let slot = 0; slot < count;) {
    const end = Math.min(count, slot + batch);
    for (; slot < end; slot++) {
      ring.reserve(2);
      prepareSocketDirect(ring.sqe(0, 0), AF_INET, SOCK_STREAM, 0, slot).link().skipSuccess();
      prepareConnect(ring.sqe(1, 0), direct(slot), memory.address, sockaddr.length);
    }
    while (connected < end) {
      ring.wait(1, 1_000);
      const told = ring.drain((_low, _high, result) => {
        if (result < 0) throw new Error(`a connect failed: errno ${-result}`);
        connected++;
      });
      if (told === 0) throw new Error('no connect came about for a second');
    }
  }
}
