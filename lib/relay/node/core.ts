import type { Clock } from '../../clock/index.ts';
import type { HeadgateError } from '../../errors/index.ts';
import { getrlimitNofile } from '../../linux/index.ts';
import type {
  ConnectionRecord,
  Destination,
  RelayClient,
  RelayOptions,
  RelayStats,
  Router,
} from '../types.ts';
import { HalfClosed } from './half-closed.ts';

/** A listener, or a connection that has no destination yet. */
export interface Closable {
  close(): void;
}

/** A connection that has one. */
export interface Joined extends Closable {
  /** Its destination was declared dead. */
  reset(): void;
}

/**
 * Descriptors left free by accepting. Without a free one libuv accepts and closes clients by itself, with FIN and
 * uncounted; and whoever else in the process opens a file for a moment needs one too.
 */
const spareDescriptors = 8;

/** What the connections of one relay share: the router behind a guard, the counters and the registers. */
export class RelayCore {
  readonly clock: Clock;
  readonly limit: number;
  readonly stats: RelayStats;
  /** What close() has to end; each takes itself out when it has ended. */
  readonly listeners = new Set<Closable>();
  readonly openings = new Set<Closable>();
  readonly joined = new Map<string, Set<Joined>>();
  readonly halfClosed: HalfClosed;
  readonly #router: Router;
  readonly #onRouterError: ((error: unknown) => void) | undefined;
  readonly #descriptors = getrlimitNofile()?.soft ?? Infinity;
  #idleCallbacks: (() => void)[] = [];
  #lastId = 0;

  constructor(options: RelayOptions, clock: Clock) {
    this.clock = clock;
    this.limit = options.limit;
    this.halfClosed = new HalfClosed(clock);
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

  /**
   * Whether a client accepted on descriptor `fd` would take the last ones. Descriptors are given out lowest first, so
   * all below `fd` are in use; each opening is going to need one more.
   */
  isShortOfDescriptors(fd: number | undefined): boolean {
    return fd !== undefined && fd + this.openings.size + spareDescriptors >= this.#descriptors;
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

  register(destination: string, connection: Joined): void {
    const members = this.joined.get(destination);
    if (members === undefined) this.joined.set(destination, new Set([connection]));
    else members.add(connection);
  }

  unregister(destination: string, connection: Joined): void {
    const members = this.joined.get(destination);
    if (members?.delete(connection) === true && members.size === 0) this.joined.delete(destination);
  }
}
