import { sameEndpoint, type Endpoint } from '../lib/address/index.ts';
import { tryControlPort, type ControlServer } from '../lib/control/index.ts';
import type { Topology } from '../topology/index.ts';
import { newPlaces } from './new-endpoints.ts';

/**
 * Where a node's control channel listens: at its endpoint of now and at those before, which stay open until the process
 * ends, as peers with an older topology still use them.
 */
export class ControlPorts {
  readonly #server: Pick<ControlServer, 'listen'>;
  readonly #open: Endpoint[] = [];

  constructor(server: Pick<ControlServer, 'listen'>) {
    this.#server = server;
  }

  /** Listens unless it does already. Rejects with HEADGATE_CONTROL_PORT_TAKEN, _ADDRESS, _LISTEN. */
  async listen(endpoint: Endpoint): Promise<void> {
    if (this.#has(endpoint)) return;
    await this.#server.listen(endpoint);
    this.#open.push(endpoint);
  }

  /** Whether listen() could, as far as that can be told; rejects as it would. Nothing stays open. */
  async check(running: Topology, endpoint: Endpoint): Promise<void> {
    if (this.#has(endpoint)) return;
    for (const place of newPlaces(running, [{ endpoint }])) await tryControlPort(place.endpoint);
  }

  #has(endpoint: Endpoint): boolean {
    return this.#open.some((other) => sameEndpoint(other, endpoint));
  }
}
