import { formatEndpoint, sameEndpoint, type Endpoint } from '../../lib/address/index.ts';
import type { RelayClient } from '../../lib/relay/index.ts';
import type { Flow } from '../plane.ts';

interface ProxiedFlow {
  readonly client: RelayClient;
  /** Where it came to. */
  readonly listen: Endpoint | undefined;
  balancer: string | undefined;
}

/** The connections of a proxy plane and the balancers they are on, from the first connect to the end. */
export class FlowList {
  readonly #flows = new Map<number, ProxiedFlow>();
  readonly #byBalancer = new Map<string, number>();
  readonly #byService = new Map<string, number>();

  /** Notes a client before its first destination; false when it is known already (a retry). */
  begin(client: RelayClient, listen: Endpoint | undefined): boolean {
    if (this.#flows.has(client.id)) return false;
    this.#flows.set(client.id, { client, listen, balancer: undefined });
    add(this.#byService, client.service, 1);
    return true;
  }

  /** Moves a client to a balancer, or to none while it has no destination. */
  place(client: RelayClient, balancer: string | undefined): void {
    const flow = this.#flows.get(client.id);
    if (flow === undefined) return;
    if (flow.balancer !== undefined) add(this.#byBalancer, flow.balancer, -1);
    if (balancer !== undefined) add(this.#byBalancer, balancer, 1);
    flow.balancer = balancer;
  }

  /** Forgets a client; false when it was never noted. */
  end(client: RelayClient): boolean {
    this.place(client, undefined);
    if (!this.#flows.delete(client.id)) return false;
    add(this.#byService, client.service, -1);
    return true;
  }

  /** Connections by balancer id, those being connected included; none has zero. */
  get byBalancer(): ReadonlyMap<string, number> {
    return this.#byBalancer;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** Connections of a service. */
  ofService(name: string): number {
    return this.#byService.get(name) ?? 0;
  }

  /** Id of the balancer that a client (`host:port`) of a service is on. */
  find(service: string, client: string): string | undefined {
    for (const { client: one, balancer } of this.#flows.values()) {
      if (one.service === service && formatEndpoint(one.source) === client) return balancer;
    }
    return undefined;
  }

  /** TCP ends of those that came to an endpoint, whatever its service was called then, from their first connect to their end. */
  clientsAt(listen: Endpoint): Endpoint[] {
    return [...this.#flows.values()].flatMap(({ client, listen: own }) =>
      own !== undefined && sameEndpoint(own, listen) ? [client.peer] : [],
    );
  }

  list(most: number): Flow[] {
    const flows: Flow[] = [];
    for (const { client, balancer } of this.#flows.values()) {
      if (flows.length >= most) break;
      if (balancer === undefined) continue;
      flows.push({ service: client.service, client: formatEndpoint(client.source), balancer });
    }
    return flows;
  }
}

/** Adds to a count and drops it at zero, so that nodes that left leave nothing behind. */
function add(counts: Map<string, number>, name: string, by: number): void {
  const count = (counts.get(name) ?? 0) + by;
  if (count === 0) counts.delete(name);
  else counts.set(name, count);
}
