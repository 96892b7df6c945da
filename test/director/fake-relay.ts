import type { Endpoint } from '../../lib/address/index.ts';
import { HeadgateError } from '../../lib/errors/index.ts';
import type {
  CreateRelay,
  Destination,
  EndReason,
  ListenSpec,
  Relay,
  RelayClient,
  RelayListener,
  RelayOptions,
  RelayStats,
} from '../../lib/relay/index.ts';

interface Connection {
  readonly client: RelayClient;
  readonly destination: Destination;
}

/**
 * A relay without sockets: clients come when a test says so, and a destination takes them unless a test says otherwise.
 * Only what the proxy plane sees of a relay is imitated.
 */
export class FakeRelay implements Relay {
  readonly engine = 'fake';
  readonly limit: number;
  /** Endpoints that listen, as text, and for whom. */
  readonly listening = new Map<string, ListenSpec>();
  /** Endpoints that cannot be opened. */
  readonly taken = new Set<string>();
  /** Error of connecting to a destination, by its id. */
  readonly unreachable = new Map<string, HeadgateError>();
  readonly connections = new Map<number, Connection>();
  readonly #router: RelayOptions['router'];
  readonly #stats: RelayStats;
  #idle: (() => void)[] = [];
  #next = 1;

  constructor({ router, limit }: RelayOptions) {
    this.#router = router;
    this.limit = limit;
    this.#stats = {
      accepted: 0,
      refusedFull: 0,
      refusedPeer: 0,
      refusedNoDestination: 0,
      refusedHeader: 0,
      connectFailures: 0,
      descriptorsExhausted: 0,
      routerErrors: 0,
      connections: 0,
      bytesUp: 0,
      bytesDown: 0,
    };
  }

  async listen(spec: ListenSpec): Promise<RelayListener> {
    const place = `${spec.endpoint.host}:${spec.endpoint.port}`;
    await Promise.resolve();
    if (this.taken.has(place) || this.listening.has(place)) {
      throw new HeadgateError('HEADGATE_DIRECTOR_APPLY', `${place} is taken`);
    }
    this.listening.set(place, spec);
    return {
      spec,
      update: (settings) => void this.listening.set(place, { ...spec, ...settings }),
      close: async () => {
        await Promise.resolve();
        this.listening.delete(place);
      },
    };
  }

  /** A client connects, for another one if a PROXY header names it; resolves with the connection, or why there is none. */
  async connect(service: string, port: number, header?: Endpoint): Promise<Connection | EndReason> {
    const spec = [...this.listening.values()].find((one) => one.service === service);
    if (spec === undefined) throw new Error(`nothing listens for ${service}`);
    if (this.connections.size >= this.limit) {
      this.#stats.refusedFull++;
      return 'closed';
    }
    const peer = { host: '192.0.2.1', port };
    const ends = { source: header ?? peer, peer, destination: spec.endpoint };
    const client = { id: this.#next++, service, forwarded: false, ...ends };
    this.#stats.accepted++;
    const tried: string[] = [];
    for (;;) {
      const destination = await this.#router.route(client, tried);
      if (destination === null)
        return this.#end(client, null, tried.length > 0 ? 'connect-failed' : 'no-destination');
      const error = this.unreachable.get(destination.id);
      if (error === undefined) {
        const connection = { client, destination };
        this.connections.set(client.id, connection);
        this.#router.connected?.(client, destination);
        return connection;
      }
      this.#stats.connectFailures++;
      tried.push(destination.id);
      this.#router.failed(client, destination, error);
    }
  }

  /** A connection ends. */
  finish(connection: Connection, reason: EndReason = 'finished'): void {
    this.connections.delete(connection.client.id);
    this.#end(connection.client, connection.destination, reason);
    if (this.connections.size === 0) for (const run of this.#idle.splice(0)) run();
  }

  stats(): RelayStats {
    return { ...this.#stats, connections: this.connections.size };
  }

  destinations(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { destination } of this.connections.values()) {
      counts.set(destination.id, (counts.get(destination.id) ?? 0) + 1);
    }
    return counts;
  }

  reset(destination: string, most: number): number {
    const doomed = [...this.connections.values()]
      .filter((one) => one.destination.id === destination)
      .slice(0, most);
    for (const connection of doomed) this.finish(connection, 'dead');
    return doomed.length;
  }

  onIdle(run: () => void): void {
    if (this.connections.size === 0) run();
    else this.#idle.push(run);
  }

  async close(): Promise<void> {
    await Promise.resolve();
    for (const connection of this.connections.values()) this.finish(connection, 'closed');
  }

  #end(client: RelayClient, destination: Destination | null, reason: EndReason): EndReason {
    const zero = { bytesUp: 0, bytesDown: 0, durationMs: 0, retries: 0 };
    this.#router.ended({ client, destination, ...zero, reason });
    return reason;
  }
}

/** A `CreateRelay` and the relay it will have made. */
export function fakeRelay(): { readonly createRelay: CreateRelay; readonly relay: () => FakeRelay } {
  let made: FakeRelay | undefined;
  return {
    createRelay: (options) => (made = new FakeRelay(options)),
    relay: () => {
      if (made === undefined) throw new Error('no relay was made');
      return made;
    },
  };
}
