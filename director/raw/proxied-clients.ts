/** Whose packets are the proxy's: a service that came from there goes on with its connections. */
import type { Endpoint } from '../../lib/address/index.ts';
import type { Clock } from '../../lib/clock/index.ts';
import { ipBytes } from '../../lib/packet/index.ts';
import { flowKey, keyText } from '../forward/index.ts';
import type { RawService } from './world.ts';

/** How long connections may still be on their way from the kernel to the proxy. */
const settleMs = 3_000;

export class ProxiedClients {
  readonly #clock: Clock;
  readonly #ask: (service: string) => readonly Endpoint[] | undefined;
  /** When a service left the proxy. */
  readonly #left = new Map<string, number>();
  /** Keys of flows, by index of the service. */
  readonly #keys = new Map<number, ReadonlySet<string>>();

  constructor(clock: Clock, ask: (service: string) => readonly Endpoint[] | undefined) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** These services leave the proxy now. */
  leave(services: readonly string[]): void {
    for (const service of services) this.#left.set(service, this.#clock.now());
  }

  /** Asks the proxy again, for services that came from there. */
  look(services: Iterable<RawService>): void {
    this.#keys.clear();
    for (const { name, index } of services) {
      if (!this.#left.has(name)) continue;
      const clients = this.#ask(name) ?? [];
      if (clients.length === 0 && !this.#settles(name)) this.#left.delete(name);
      this.#keys.set(
        index,
        new Set(clients.map(({ host, port }) => keyText(flowKey(ipBytes(host), port, index)))),
      );
    }
  }

  /** Whether a packet without a flow, which is no SYN, may be the proxy's. */
  has({ name, index }: RawService, key: string): boolean {
    return this.#keys.get(index)?.has(key) === true || this.#settles(name);
  }

  #settles(service: string): boolean {
    const left = this.#left.get(service);
    return left !== undefined && this.#clock.now() - left < settleMs;
  }
}
