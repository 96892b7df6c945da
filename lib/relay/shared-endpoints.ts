import type { Endpoint } from '../address/index.ts';

/** VIPs and directors are few; what comes when so many are known is not shared, and that is all. */
const mostShared = 1_024;

/**
 * One object for all endpoints that are equal, and one text for hosts that are: many connections come to the same VIP and from
 * the same director, and each would keep its own.
 */
export class SharedEndpoints {
  readonly #hosts = new Map<string, string>();
  readonly #endpoints = new Map<string, Endpoint[]>();
  #count = 0;

  /** The endpoint with a shared host. */
  withSharedHost({ host, port }: Endpoint): Endpoint {
    return { host: this.#host(host), port };
  }

  /** An equal endpoint, the same one each time. */
  shared(endpoint: Endpoint): Endpoint {
    const known = this.#endpoints.get(endpoint.host);
    const found = known?.find(({ port }) => port === endpoint.port);
    if (found !== undefined || this.#count >= mostShared) return found ?? endpoint;
    this.#count++;
    if (known === undefined) this.#endpoints.set(endpoint.host, [endpoint]);
    else known.push(endpoint);
    return endpoint;
  }

  #host(host: string): string {
    const found = this.#hosts.get(host);
    if (found !== undefined || this.#hosts.size >= mostShared) return found ?? host;
    this.#hosts.set(host, host);
    return host;
  }
}
