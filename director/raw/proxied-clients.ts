/** Whose packets are the proxy's: a service that came from there, whatever its name, goes on with its connections. */
import { formatEndpoint, type Endpoint } from '../../lib/address/index.ts';
import type { Clock } from '../../lib/clock/index.ts';
import { ipBytes } from '../../lib/packet/index.ts';
import { flowKey, keyText } from '../forward/index.ts';
import type { RawService } from './world.ts';

/** How long connections may still be on their way from the kernel to the proxy. */
const settleMs = 3_000;

export class ProxiedClients {
  readonly #clock: Clock;
  readonly #ask: (listen: Endpoint) => readonly Endpoint[] | undefined;
  /** When a service left the proxy, by where it listens. */
  readonly #left = new Map<string, number>();
  /** Keys of flows, by index of the service. */
  readonly #keys = new Map<number, ReadonlySet<string>>();

  constructor(clock: Clock, ask: (listen: Endpoint) => readonly Endpoint[] | undefined) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** These services leave the proxy now. */
  leave(listens: readonly Endpoint[]): void {
    for (const listen of listens) this.#left.set(formatEndpoint(listen), this.#clock.now());
  }

  /** Asks the proxy again, for services that came from there. */
  look(services: Iterable<Pick<RawService, 'index' | 'listen'>>): void {
    this.#keys.clear();
    for (const { index, listen } of services) {
      const at = formatEndpoint(listen);
      if (!this.#left.has(at)) continue;
      const clients = this.#ask(listen) ?? [];
      if (clients.length === 0 && !this.#settles(at)) this.#left.delete(at);
      this.#keys.set(
        index,
        new Set(clients.map(({ host, port }) => keyText(flowKey(ipBytes(host), port, index)))),
      );
    }
  }

  /** Whether a packet without a flow, which is no SYN, may be the proxy's. */
  has({ index, listen }: Pick<RawService, 'index' | 'listen'>, key: string): boolean {
    if (this.#left.size === 0) return false;
    return this.#keys.get(index)?.has(key) === true || this.#settles(formatEndpoint(listen));
  }

  #settles(at: string): boolean {
    const left = this.#left.get(at);
    return left !== undefined && this.#clock.now() - left < settleMs;
  }
}
