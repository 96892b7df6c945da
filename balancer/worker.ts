import type { Logger } from 'pino';
import { every, type Clock, type Timer } from '../lib/clock/index.ts';
import { describeError, type HeadgateError } from '../lib/errors/index.ts';
import { encodeProxyHeader } from '../lib/proxy-protocol/index.ts';
import type {
  ConnectionRecord,
  CreateRelay,
  Destination,
  Relay,
  RelayClient,
  RelayListener,
  Router,
} from '../lib/relay/index.ts';
import { connectionFields } from './connection-log.ts';
import { isFull } from './fullness.ts';
import { IpcPicker } from './picker-ipc.ts';
import { SourceAddresses } from './source-addresses.ts';
import { pendingMs, type SteeredWorker } from './steering/index.ts';
import { WorkerListeners } from './worker-listeners.ts';
import type {
  FromWorker,
  ToWorker,
  WorkerConfig,
  WorkerService,
  WorkerStart,
  WorkerUpstream,
} from './worker-protocol.ts';
import { ReportWriter, type WorkerNumbers } from './worker-report.ts';

/** How often a worker reports its numbers when they changed; what the directors must know goes at once. */
const reportIntervalMs = 200;

export interface WorkerOptions {
  readonly start: WorkerStart;
  readonly clock: Clock;
  readonly log: Logger;
  readonly createRelay: CreateRelay;
  /** Undefined: the kernel finds a worker by its hash. */
  readonly steering?: SteeredWorker | undefined;
  /** To the supervisor; calls `sent` when the message has left the process. */
  readonly send: (message: FromWorker, sent?: () => void) => void;
  /** Connection records the log could not take, from start. */
  readonly recordsDropped: () => number;
}

/** One worker: a relay whose connections go where the supervisor says. */
export class Worker implements Router {
  readonly #limit: number;
  readonly #log: Logger;
  readonly #send: WorkerOptions['send'];
  readonly #recordsDropped: () => number;
  readonly #relay: Relay;
  readonly #listeners: WorkerListeners;
  readonly #picker: IpcPicker;
  readonly #reports = new ReportWriter();
  readonly #reporting: Timer;
  readonly #steering: SteeredWorker | undefined;
  readonly #expiring: Timer | undefined;
  #config: WorkerConfig = { revision: 0, accepting: false, services: [], upstreams: [], sources: [] };
  readonly #sources = new SourceAddresses();
  #byId = new Map<number, WorkerUpstream>();
  #byKey = new Map<string, WorkerUpstream>();
  #applying: Promise<void> = Promise.resolve();
  #full = false;
  /** Clients that were routed and have not ended, by id: the live connections of each service. */
  readonly #clients = new Set<number>();
  readonly #liveByService = new Map<string, number>();

  constructor({ start, clock, log, createRelay, steering, send, recordsDropped }: WorkerOptions) {
    this.#log = log;
    this.#send = send;
    this.#recordsDropped = recordsDropped;
    this.#relay = createRelay({
      router: this,
      limit: start.limit,
      clock,
      onRouterError: (error) => log.error({ why: describeError(error) }, 'routing a connection failed'),
    });
    this.#limit = this.#relay.limit;
    this.#listeners = new WorkerListeners(this.#relay, start.reusePort, (listener, service) =>
      this.#steer(listener, service),
    );
    this.#picker = new IpcPicker({
      clock,
      send: (requests, sent) => send({ kind: 'requests', requests }, sent),
      upstream: (id) => this.#byId.get(id),
    });
    this.#reporting = every(clock, reportIntervalMs, () => this.#report(), true);
    this.#steering = steering;
    if (steering !== undefined)
      this.#expiring = every(clock, pendingMs, () => steering.record.expire(), true);
  }

  /** Takes a message of the supervisor. */
  receive(message: ToWorker): void {
    if (message.kind === 'answers') this.#picker.answer(message.answers);
    else if (message.kind === 'ping') this.#send({ kind: 'pong', beat: message.beat });
    else if (message.kind === 'reset') this.#relay.reset(message.upstream, message.most);
    else if (message.kind === 'config') this.#take(message.config);
  }

  async route(client: RelayClient, tried: readonly string[]): Promise<Destination | null> {
    if (tried.length === 0) {
      this.#clients.add(client.id);
      this.#count(client.service, 1);
      this.#connectionsChanged();
    }
    const triedIds = tried.flatMap((key) => this.#byKey.get(key)?.id ?? []);
    const upstream = await this.#picker.pick(client.service, client.source, triedIds);
    if (upstream === null) return null;
    const { key: id, endpoint } = upstream;
    const localAddress = this.#sources.take(id, endpoint.host);
    return {
      id,
      endpoint,
      ...(localAddress === undefined ? {} : { localAddress }),
      ...this.#preface(client),
    };
  }

  failed(_client: RelayClient, { id: key, localAddress }: Destination, error: HeadgateError): void {
    this.#sources.give(key, localAddress);
    const id = this.#byKey.get(key)?.id;
    if (id === undefined) return;
    // Other failures say nothing of the upstream: the client left, or this process ran out of something.
    const accused =
      error.code === 'HEADGATE_RELAY_CONNECT_REFUSED' || error.code === 'HEADGATE_RELAY_CONNECT_TIMEOUT';
    if (accused) this.#picker.failed(id);
    else if (isOutOfPorts(error)) this.#picker.outOfPorts(id);
    else this.#picker.release(id);
  }

  ended(record: ConnectionRecord): void {
    const id = record.destination === null ? undefined : this.#byKey.get(record.destination.id)?.id;
    if (id !== undefined) this.#picker.release(id);
    if (record.destination !== null)
      this.#sources.give(record.destination.id, record.destination.localAddress);
    if (this.#clients.delete(record.client.id)) this.#count(record.client.service, -1);
    this.#log.info(
      connectionFields(record, (key) => this.#byKey.get(key)?.name),
      'connection ended',
    );
    this.#connectionsChanged();
  }

  /** Ends everything; clients get RST. */
  async close(): Promise<void> {
    this.#reporting.cancel();
    this.#expiring?.cancel();
    await this.#relay.close();
  }

  #take(config: WorkerConfig): void {
    this.#config = config;
    this.#sources.set(config.sources);
    // The supervisor lists an upstream as long as it holds connections, so nothing held here is forgotten.
    this.#byId = new Map(config.upstreams.map((upstream) => [upstream.id, upstream]));
    this.#byKey = new Map(config.upstreams.map((upstream) => [upstream.key, upstream]));
    this.#applying = this.#applying.then(() => this.#applyListeners(config));
  }

  async #applyListeners(config: WorkerConfig): Promise<void> {
    // One that came meanwhile replaces this one.
    if (config !== this.#config) return;
    if (!config.accepting) this.#steering?.record.setLive(false);
    const failures = await this.#listeners.apply(config);
    if (config.accepting) this.#steering?.record.setLive(true);
    this.#report();
    this.#send({
      kind: 'applied',
      revision: config.revision,
      listening: this.#listeners.listening,
      failures,
    });
  }

  #preface({ service, source, destination }: RelayClient): { preface?: Uint8Array } {
    const version = this.#config.services.find(({ name }) => name === service)?.sendProxy ?? 'off';
    return version === 'off' ? {} : { preface: encodeProxyHeader(version, source, destination) };
  }

  #count(service: string, change: number): void {
    const live = (this.#liveByService.get(service) ?? 0) + change;
    if (live === 0) this.#liveByService.delete(service);
    else this.#liveByService.set(service, live);
  }

  #numbers(): WorkerNumbers {
    const { connections, ...relayCounters } = this.#relay.stats();
    return {
      connections,
      services: Object.fromEntries(this.#liveByService),
      full: (this.#full = isFull(this.#full, connections, this.#limit)),
      counters: { ...relayCounters, ...this.#picker.stats, recordsDropped: this.#recordsDropped() },
    };
  }

  #report(): void {
    const report = this.#reports.next(this.#numbers());
    if (report !== undefined) this.#send(report);
  }

  /** Reports at once when the worker became full or has room again. */
  #connectionsChanged(): void {
    const { connections, accepted } = this.#relay.stats();
    this.#steering?.record.update(connections, accepted);
    if (isFull(this.#full, connections, this.#limit) !== this.#full) this.#report();
  }

  #steer({ descriptor }: RelayListener, { group }: WorkerService): void {
    if (this.#steering === undefined || descriptor === undefined || group === undefined) return;
    try {
      this.#steering.join(descriptor, group);
    } catch (error) {
      this.#log.warn(`a listener is not steered by load: ${describeError(error)}`);
    }
  }
}

/** What connect(2) and bind(2) answer when all ephemeral ports of a source are taken. */
function isOutOfPorts({ code, facts }: HeadgateError): boolean {
  const answer = facts['code'];
  return code === 'HEADGATE_RELAY_CONNECT_LOCAL' && (answer === 'EADDRNOTAVAIL' || answer === 'EADDRINUSE');
}
