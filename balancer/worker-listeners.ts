import { sameEndpoint } from '../lib/address/index.ts';
import { describeError, isHeadgateError } from '../lib/errors/index.ts';
import type { ListenSpec, Relay, RelayListener } from '../lib/relay/index.ts';
import type { ListenFailure, ListenPlace, WorkerConfig, WorkerService } from './worker-protocol.ts';

interface Open {
  readonly service: string;
  readonly place: ListenPlace;
  readonly listener: RelayListener;
}

/** Opens, changes and closes a worker's listeners so that they are those of the config. */
export class WorkerListeners {
  readonly #relay: Pick<Relay, 'listen'>;
  readonly #reusePort: boolean;
  readonly #opened: (listener: RelayListener, service: WorkerService) => void;
  /** By place and service. */
  readonly #open = new Map<string, Open>();

  /** `opened` is told of each new listener. */
  constructor(
    relay: Pick<Relay, 'listen'>,
    reusePort: boolean,
    opened: (listener: RelayListener, service: WorkerService) => void = () => {},
  ) {
    this.#relay = relay;
    this.#opened = opened;
    this.#reusePort = reusePort;
  }

  /** Services that have a listener at the place. */
  listening(at: ListenPlace): readonly string[] {
    return [...this.#open.values()].filter(({ place }) => place === at).map(({ service }) => service);
  }

  /**
   * Resolves with what could not be opened; everything else is as wanted then. One call at a time. A listener that
   * cannot be opened is tried again by the next call. Connections that are established stay, whatever is closed.
   */
  async apply({
    accepting,
    services,
  }: Pick<WorkerConfig, 'accepting' | 'services'>): Promise<ListenFailure[]> {
    const wanted = new Map(accepting ? services.map((service) => [keyOf(service), service]) : []);
    for (const [key, { listener }] of this.#open) {
      const service = wanted.get(key);
      if (service !== undefined && sameEndpoint(service.endpoint, listener.spec.endpoint)) continue;
      this.#open.delete(key);
      await listener.close();
    }
    const failures: ListenFailure[] = [];
    for (const service of wanted.values()) {
      const failure = await this.#openOrUpdate(service);
      if (failure !== undefined) failures.push(failure);
    }
    return failures;
  }

  async #openOrUpdate(service: WorkerService): Promise<ListenFailure | undefined> {
    const spec = listenSpec(service, this.#reusePort);
    const key = keyOf(service);
    const open = this.#open.get(key);
    if (open !== undefined) {
      open.listener.update(spec);
      return undefined;
    }
    const { name, place } = service;
    try {
      const listener = await this.#relay.listen(spec);
      this.#open.set(key, { service: name, place, listener });
      this.#opened(listener, service);
      return undefined;
    } catch (error) {
      return listenFailure(service, error);
    }
  }
}

function keyOf({ name, place }: WorkerService): string {
  return `${place} ${name}`;
}

function listenFailure({ name, place }: WorkerService, error: unknown): ListenFailure {
  const where = { service: name, place };
  if (!isHeadgateError(error)) return { ...where, code: '', message: describeError(error), cure: '' };
  const { code, message, cause, cure } = error;
  return { ...where, code, message: cause instanceof Error ? `${message}: ${cause.message}` : message, cure };
}

function listenSpec(service: WorkerService, reusePort: boolean): ListenSpec {
  const { name, endpoint, vip, backlog, acceptProxy, forwarders, allowFrom, settings } = service;
  return {
    service: name,
    endpoint,
    vip,
    backlog,
    reusePort,
    acceptProxy,
    forwarders: { peers: new Set(forwarders.peers), acceptProxy: forwarders.acceptProxy },
    ...(allowFrom === null ? {} : { allowFrom: new Set(allowFrom) }),
    settings,
  };
}
