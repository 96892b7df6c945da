import { sameEndpoint } from '../lib/address/index.ts';
import { describeError, isHeadgateError } from '../lib/errors/index.ts';
import type { ListenSpec, Relay, RelayListener } from '../lib/relay/index.ts';
import type { ListenFailure, WorkerConfig, WorkerService } from './worker-protocol.ts';

/** Opens, changes and closes a worker's listeners so that they are those of the config. */
export class WorkerListeners {
  readonly #relay: Pick<Relay, 'listen'>;
  readonly #reusePort: boolean;
  readonly #opened: (listener: RelayListener, service: WorkerService) => void;
  readonly #open = new Map<string, RelayListener>();

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

  /** Services that have a listener. */
  get listening(): readonly string[] {
    return [...this.#open.keys()];
  }

  /**
   * Resolves with what could not be opened; everything else is as wanted then. One call at a time. A listener that
   * cannot be opened is tried again by the next call.
   */
  async apply({
    accepting,
    services,
  }: Pick<WorkerConfig, 'accepting' | 'services'>): Promise<ListenFailure[]> {
    const wanted = accepting ? services : [];
    for (const [name, listener] of this.#open) {
      const service = wanted.find((one) => one.name === name);
      if (service !== undefined && sameEndpoint(service.endpoint, listener.spec.endpoint)) continue;
      this.#open.delete(name);
      await listener.close();
    }
    const failures: ListenFailure[] = [];
    for (const service of wanted) {
      const failure = await this.#openOrUpdate(service);
      if (failure !== undefined) failures.push(failure);
    }
    return failures;
  }

  async #openOrUpdate(service: WorkerService): Promise<ListenFailure | undefined> {
    const spec = listenSpec(service, this.#reusePort);
    const open = this.#open.get(service.name);
    if (open !== undefined) {
      open.update(spec);
      return undefined;
    }
    try {
      const listener = await this.#relay.listen(spec);
      this.#open.set(service.name, listener);
      this.#opened(listener, service);
      return undefined;
    } catch (error) {
      return listenFailure(service.name, error);
    }
  }
}

function listenFailure(service: string, error: unknown): ListenFailure {
  if (!isHeadgateError(error)) return { service, code: '', message: describeError(error), cure: '' };
  const { code, message, cause, cure } = error;
  return { service, code, message: cause instanceof Error ? `${message}: ${cause.message}` : message, cure };
}

function listenSpec(service: WorkerService, reusePort: boolean): ListenSpec {
  const { name, endpoint, backlog, acceptProxy, allowFrom, settings } = service;
  return {
    service: name,
    endpoint,
    backlog,
    reusePort,
    acceptProxy,
    allowFrom: new Set(allowFrom),
    settings,
  };
}
