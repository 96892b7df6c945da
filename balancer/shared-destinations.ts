import type { Endpoint } from '../lib/address/index.ts';
import type { Destination } from '../lib/relay/index.ts';

/**
 * One object for all connections of a service to one upstream from one address: each would keep its own for as long as it lives.
 * As large as services × upstreams × source addresses; emptied with every configuration.
 */
export class SharedDestinations {
  readonly #services = new Map<string, Map<string, Map<string, Destination>>>();

  /** `key` names the upstream, `endpoint` is where it listens; `localAddress` undefined: the kernel chooses. */
  of(service: string, key: string, endpoint: Endpoint, localAddress: string | undefined): Destination {
    const sources = within(within(this.#services, service), key);
    const source = localAddress ?? '';
    let destination = sources.get(source);
    if (destination === undefined) {
      const bound = localAddress === undefined ? {} : { localAddress };
      destination = { id: destinationId(service, key), endpoint, ...bound };
      sources.set(source, destination);
    }
    return destination;
  }

  clear(): void {
    this.#services.clear();
  }
}

function within<Value>(maps: Map<string, Map<string, Value>>, key: string): Map<string, Value> {
  let map = maps.get(key);
  if (map === undefined) maps.set(key, (map = new Map()));
  return map;
}

/** The relay knows a chat server once per service, so that the connections of one service can be ended. */
function destinationId(service: string, key: string): string {
  return `${service} ${key}`;
}

export function upstreamKeyOf(id: string): string {
  return id.slice(id.indexOf(' ') + 1);
}
