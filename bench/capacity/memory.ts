/** What a run needs of the machine's memory, and the end of a run that takes more than there is. */
import { readFileSync } from 'node:fs';
import type { Plan } from './plan.ts';

const gibibyte = 2 ** 30;
const mebibyte = 2 ** 20;
/** Four sockets of a connection and what the rings hold for each, by the slab at 60,000; and what processes keep of it. */
const kernelBytesPerConnection = 19_000;
const processBytesPerConnection = 1_500;
/** Private memory of processes without connections, MiB; that of a worker with some twenty rings. */
const idleMebibytes = { director: 95, balancer: 58, worker: 50, server: 48, client: 25 };
const workersPerBalancer = 2;
/** With less than this a run goes no further. */
const leastBytes = gibibyte;
/** Below this the kernel would begin to end processes. */
const lastBytes = gibibyte / 2;
const lookMs = 500;

/** Bytes that a run takes. */
export function estimateBytes({ connections, balancers, servers, clients }: Plan): number {
  const { director, balancer, worker, server, client } = idleMebibytes;
  const idle =
    director +
    balancers.length * (balancer + workersPerBalancer * worker) +
    servers.length * server +
    clients.length * client;
  return connections * (kernelBytesPerConnection + processBytesPerConnection) + idle * mebibyte;
}

export function availableBytes(): number {
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  return Number(kilobytes) * 1_024;
}

export function gibibytes(bytes: number): string {
  return `${(bytes / gibibyte).toFixed(1)} GiB`;
}

/** Says why a run that begins now cannot go on: less than 1 GiB of memory is left, or the kernel has ended somebody to get some. */
export function memoryShortages(): () => string | undefined {
  const before = oomKills();
  return () => {
    const killed = oomKills() - before;
    if (killed > 0) return `the kernel has ended processes for want of memory, ${killed} of them`;
    const available = availableBytes();
    return available >= leastBytes ? undefined : `only ${gibibytes(available)} of memory are left`;
  };
}

/** Processes ended for want of memory since the machine started (proc_vmstat(5)). What MemAvailable counts is not always to be had. */
function oomKills(): number {
  return Number(/^oom_kill (\d+)/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1] ?? 0);
}

/** Looks at the memory all the time; calls `tooLittle` once when less than half a GiB is left. */
export class MemoryWatch {
  readonly #timer: NodeJS.Timeout;
  #least = availableBytes();

  constructor(tooLittle: (available: number) => void) {
    this.#timer = setInterval(() => {
      const available = availableBytes();
      this.#least = Math.min(this.#least, available);
      if (available >= lastBytes) return;
      clearInterval(this.#timer);
      tooLittle(available);
    }, lookMs);
  }

  /** Least that was available since the last call. */
  takeLeast(): number {
    const least = this.#least;
    this.#least = availableBytes();
    return least;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
