import { closeSync, readdirSync, readlinkSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { AF_INET, SOCK_STREAM } from '../../../../lib/linux/constants.ts';
import { listeningSocket } from '../../../../lib/linux/index.ts';
import {
  direct,
  encodeSockaddr,
  EventDescriptor,
  Memory,
  missingFeatures,
  prepareAcceptDirect,
  prepareConnect,
  prepareSocketDirect,
  Ring,
  uringSupport,
  type Feature,
  type RingOptions,
} from '../../../../lib/linux/uring/index.ts';

/** Registers a test that needs a ring; where there is none it is skipped and says why. */
export function uringTest(
  title: string,
  run: (t: ExecutionContext) => void | Promise<void>,
  needs: readonly Feature[] = [],
): void {
  const support = uringSupport();
  if (!support.available) {
    test.skip(`${title} (skipped: ${support.reason})`, run);
    return;
  }
  const missing = missingFeatures(support, needs);
  if (missing.length > 0) test.skip(`${title} (skipped: no ${missing.join(', ')})`, run);
  else test.serial(title, run);
}

/** A ring that is closed with the test. */
export function makeRing(t: ExecutionContext, options: Partial<RingOptions> = {}): Ring {
  const ring = new Ring({ entries: 64, ...options });
  t.teardown(() => ring.close());
  return ring;
}

/** Memory that is freed with the test, after its rings (teardowns run latest first: make it before the ring). */
export function makeMemory(t: ExecutionContext, bytes = 4_096): Memory {
  const memory = Memory.anonymous(bytes);
  t.teardown(() => memory.free());
  return memory;
}

export function makeEvent(t: ExecutionContext): EventDescriptor {
  const event = new EventDescriptor();
  t.teardown(() => event.close());
  return event;
}

export interface Completion {
  readonly low: number;
  readonly high: number;
  readonly result: number;
  readonly flags: number;
}

const stepMs = 50;
const deadlineMs = 10_000;

/**
 * Waits for completions and tells them, until `isDone`, which is asked at least every `askMs`; throws when that takes ten
 * seconds.
 */
export function pump(
  ring: Ring,
  tell: (completion: Completion) => void,
  isDone: () => boolean,
  askMs = stepMs,
): void {
  const end = performance.now() + deadlineMs;
  ring.submit();
  for (;;) {
    ring.drain((low, high, result, flags) => tell({ low, high, result, flags }));
    if (isDone()) return;
    if (performance.now() > end) throw new Error('waited in vain for completions');
    ring.wait(1, askMs);
  }
}

/** The next `count` completions. */
export function collect(ring: Ring, count: number): Completion[] {
  const completions: Completion[] = [];
  pump(
    ring,
    (completion) => completions.push(completion),
    () => completions.length >= count,
  );
  return completions;
}

/** Submits the one request written last and returns its result. */
export function resultOf(ring: Ring): number {
  return collect(ring, 1)[0]!.result;
}

/** A listener, and its address in memory, for connects. */
export interface Listener {
  readonly fd: number;
  readonly sockaddrAt: number;
  readonly sockaddrBytes: number;
}

/** A listener on an address of 127.90.0.0/16 that no other test uses, closed with the test. */
export function makeListener(t: ExecutionContext, memory: Memory, host: string, backlog = 64): Listener {
  const endpoint = { host, port: 7_000 };
  const fd = listeningSocket({ endpoint, reusePort: false, backlog });
  t.teardown(() => closeSync(fd));
  const sockaddr = encodeSockaddr(endpoint);
  memory.u8.set(sockaddr);
  return { fd, sockaddrAt: memory.address, sockaddrBytes: sockaddr.length };
}

/** Connects slot `client` to the listener and accepts into slot `server`, both direct; user data is not used. */
export function connectPair(ring: Ring, listener: Listener, client: number, server: number): void {
  ring.reserve(3);
  prepareSocketDirect(ring.sqe(0, 0), AF_INET, SOCK_STREAM, 0, client).link();
  prepareConnect(ring.sqe(0, 0), direct(client), listener.sockaddrAt, listener.sockaddrBytes);
  prepareAcceptDirect(ring.sqe(0, 0), listener.fd, server);
  const results = collect(ring, 3).map(({ result }) => result);
  if (results.some((result) => result !== 0)) throw new Error(`no pair of connections: ${results.join()}`);
}

/** What the descriptors of a process lead to, sorted; /proc's own is left out. */
export function openFiles(pid: number | 'self' = 'self'): string[] {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory)
    .map((fd) => {
      try {
        return readlinkSync(`${directory}/${fd}`);
      } catch {
        // The descriptor of this very listing, closed by now.
        return '';
      }
    })
    .filter((target) => target !== '' && !target.startsWith('/proc/'))
    .toSorted();
}

/** Rings, eventfds and sockets of this process. */
export function openKernelObjects(): string[] {
  return openFiles().filter((target) => /io_uring|eventfd|^socket:/.test(target));
}
