import type { Clock } from '../clock/index.ts';
import type { HeadgateError } from '../errors/index.ts';
import { SharedEndpoints } from './shared-endpoints.ts';
import type {
  ConnectionRecord,
  Destination,
  RelayClient,
  RelayOptions,
  RelayStats,
  Router,
} from './types.ts';

/** A listener, or a connection that has no destination yet. */
export interface Closable {
  close(): void;
}

/** What the connections of one relay share, whatever its engine: the router behind a guard, and the counters. */
export class RelayBooks {
  readonly clock: Clock;
  readonly limit: number;
  readonly stats: RelayStats;
  /** Clients without a destination; each takes itself out when it has ended. */
  readonly openings = new Set<Closable>();
  /** What clients have in common, so that they do not keep it each. */
  readonly endpoints = new SharedEndpoints();
  readonly #router: Router;
  readonly #onRouterError: ((error: unknown) => void) | undefined;
  #idleCallbacks: (() => void)[] = [];
  #lastId = 0;

  constructor(options: RelayOptions, clock: Clock) {
    this.clock = clock;
    this.limit = options.limit;
    this.#router = options.router;
    this.#onRouterError = options.onRouterError;
    this.stats = {
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

  /** Counts a new connection and names it. */
  begin(): number {
    this.stats.accepted++;
    this.stats.connections++;
    return ++this.#lastId;
  }

  route(client: RelayClient, tried: readonly string[]): ReturnType<Router['route']> {
    try {
      return this.#router.route(client, tried);
    } catch (error) {
      this.routerFailed(error);
      return null;
    }
  }

  connected(client: RelayClient, destination: Destination): void {
    try {
      this.#router.connected?.(client, destination);
    } catch (error) {
      this.routerFailed(error);
    }
  }

  failed(client: RelayClient, destination: Destination, failure: HeadgateError): void {
    try {
      this.#router.failed(client, destination, failure);
    } catch (error) {
      this.routerFailed(error);
    }
  }

  /** The last word on a connection. */
  end(record: ConnectionRecord): void {
    this.stats.connections--;
    try {
      this.#router.ended(record);
    } catch (error) {
      this.routerFailed(error);
    }
    if (this.stats.connections > 0) return;
    const callbacks = this.#idleCallbacks;
    this.#idleCallbacks = [];
    for (const run of callbacks) run();
  }

  routerFailed(error: unknown): void {
    this.stats.routerErrors++;
    this.#onRouterError?.(error);
  }

  whenIdle(run: () => void): void {
    if (this.stats.connections === 0) run();
    else this.#idleCallbacks.push(run);
  }
}
