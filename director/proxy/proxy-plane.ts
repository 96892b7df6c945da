import type { Logger } from 'pino';
import { formatEndpoint, type Endpoint } from '../../lib/address/index.ts';
import type { Clock } from '../../lib/clock/index.ts';
import { describeError, HeadgateError } from '../../lib/errors/index.ts';
import type { CreateRelay, Relay } from '../../lib/relay/index.ts';
import type { ForwardingTable } from '../forwarding-table.ts';
import type { Flow, ForwardingPlane, FoundFlow, PlaneDetail, PlaneStats } from '../plane.ts';
import { DeadResets } from './dead-resets.ts';
import { Listeners } from './listeners.ts';
import { ProxyRouter } from './proxy-router.ts';
import { defaultResetsPerSecond } from '../reset-pacing.ts';

export interface ProxyPlaneOptions {
  /** Address of the director, which its connections come from: balancers accept no other. */
  readonly host: string;
  readonly createRelay: CreateRelay;
  /** Most connections at one time. */
  readonly limit: number;
  /** PROXY v2 header for a connection from `source` to `destination`. */
  readonly preface: (source: Endpoint, destination: Endpoint) => Uint8Array;
  /** A balancer did not take a connection. */
  readonly onConnectFailure: (balancer: string) => void;
  readonly clock: Clock;
  /** From 0 (included) to 1. */
  readonly random: () => number;
  readonly log: Logger;
  /** How fast connections to dead balancers are ended from now on; default 5,000. */
  readonly resetsPerSecond?: () => number;
}

export function createProxyPlane(options: ProxyPlaneOptions): ProxyPlane {
  return new ProxyPlane(options);
}

export class ProxyPlane implements ForwardingPlane {
  readonly name = 'proxy';
  readonly #router: ProxyRouter;
  readonly #relay: Relay;
  readonly #listeners: Listeners;
  readonly #resets: DeadResets;
  /** Listeners are changed one table after the other. */
  #applying: Promise<unknown> = Promise.resolve();
  #stopped = false;
  #drained: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  readonly #onClosed: (() => void)[] = [];

  constructor({ createRelay, limit, clock, random, resetsPerSecond, ...routing }: ProxyPlaneOptions) {
    this.#router = new ProxyRouter(routing);
    this.#relay = createRelay({
      router: this.#router,
      limit,
      onRouterError: (error) => routing.log.error(`routing failed: ${describeError(error)}`),
    });
    this.#listeners = new Listeners(this.#relay);
    this.#resets = new DeadResets({
      clock,
      random,
      ratePerSecond: resetsPerSecond ?? (() => defaultResetsPerSecond),
      connections: () => this.#relay.destinations(),
      reset: (id, most) => this.#relay.reset(id, most),
    });
  }

  async apply(table: ForwardingTable): Promise<void> {
    if (this.#closed !== undefined) return;
    // What decides takes effect at once, also while a listener is still being opened.
    this.#router.setTable(table);
    this.#resets.setDead(table.dead);
    const applied = this.#applying.then(() => (this.#stopped ? [] : this.#listeners.apply(table.services)));
    // The caller hears of a failure; the next table must not.
    this.#applying = applied.catch(() => undefined);
    const failures = await applied;
    if (failures.length === 0) return;
    const [cause] = failures;
    throw failures.length === 1
      ? new HeadgateError('HEADGATE_DIRECTOR_APPLY', 'cannot open a listener', { cause })
      : new HeadgateError(
          'HEADGATE_DIRECTOR_APPLY',
          `cannot open: ${failures.map(describeError).join(', ')}`,
        );
  }

  stats(): PlaneStats {
    const relay = this.#relay.stats();
    return {
      total: this.#router.totals(),
      services: this.#router.serviceStats(),
      balancers: Object.fromEntries(this.#router.flows.byBalancer),
      limit: this.#relay.limit,
      refusedFull: relay.refusedFull,
      counters: {
        refusedHeader: relay.refusedHeader,
        connectFailures: relay.connectFailures,
        descriptorsExhausted: relay.descriptorsExhausted,
        routerErrors: relay.routerErrors,
        deadResets: this.#resets.total,
        bytesUp: relay.bytesUp,
        bytesDown: relay.bytesDown,
      },
    };
  }

  flows(most: number): readonly Flow[] {
    return this.#router.flows.list(most);
  }

  find(service: string, client: Endpoint): FoundFlow | undefined {
    const balancer = this.#router.flows.find(service, formatEndpoint(client));
    return balancer === undefined
      ? undefined
      : { balancer, mode: 'proxy', state: 'established', confirmed: true };
  }

  detail(): readonly PlaneDetail[] {
    return [{ plane: 'proxy' }];
  }

  /** TCP ends of those connected to an endpoint now; undefined when it does not listen there. */
  clients(listen: Endpoint): readonly Endpoint[] | undefined {
    const clients = this.#router.flows.clientsAt(listen);
    return clients.length > 0 || this.#listeners.isAt(listen) ? clients : undefined;
  }

  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    await this.#stopListening();
    await new Promise<void>((resolve) => {
      this.#onClosed.push(resolve);
      this.#relay.onIdle(resolve);
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#resets.close();
    await this.#stopListening();
    await this.#relay.close();
    for (const run of this.#onClosed) run();
  }

  async #stopListening(): Promise<void> {
    this.#stopped = true;
    await this.#applying;
    await this.#listeners.closeAll();
  }
}
