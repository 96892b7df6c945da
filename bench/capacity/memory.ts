/** What a run needs of the machine's memory, and the end of a run that takes more than there is. */
import { readFileSync } from 'node:fs';
import type { Plan } from './plan.ts';

const gibibyte = 2 ** 30;
const mebibyte = 2 ** 20;
/** Four sockets of a connection and what the rings hold for each, by /proc/slabinfo at 20,000; and what processes keep of it. */
const kernelBytesPerConnection = 17_500;
const processBytesPerConnection = 2_300;
/** Private memory of processes without connections, MiB. */
const idleMebibytes = { director: 95, balancer: 58, worker: 34, server: 48, client: 25 };
const workersPerBalancer = 2;
/** Below this the kernel would begin to end processes. */
const leastBytes = gibibyte;
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

/** Looks at the memory all the time; calls `tooLittle` once when less than 1 GiB is left. */
export class MemoryWatch {
  readonly #timer: NodeJS.Timeout;
  #least = availableBytes();

  constructor(tooLittle: (available: number) => void) {
    this.#timer = setInterval(() => {
      const available = availableBytes();
      this.#least = Math.min(this.#least, available);
      if (available >= leastBytes) return;
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
