import type { Logger } from 'pino';
import { every, type Clock, type Timer } from '../lib/clock/index.ts';
import { describeError, type HeadgateError } from '../lib/errors/index.ts';
import { encodeProxyHeader } from '../lib/proxy-protocol/index.ts';
import type {
  ConnectionRecord,
  Destination,
  Relay,
  RelayClient,
  RelayListener,
  RelayMaker,
  Router,
} from '../lib/relay/index.ts';
import { connectionFields } from './connection-log.ts';
import { isFull } from './fullness.ts';
import { IpcPicker } from './picker-ipc.ts';
import { SharedPicker } from './picker-shared.ts';
import type { Picked, Picker } from './picker.ts';
import { emptyPlan } from './pick-plan.ts';
import type { PickTable } from './pick-table.ts';
import { SharedDestinations, upstreamKeyOf } from './shared-destinations.ts';
import { SourceAddresses } from './source-addresses.ts';
import { pendingMs, type SteeredWorker } from './steering/index.ts';
import { WorkerFlows } from './worker-flows.ts';
import { WorkerListeners } from './worker-listeners.ts';
import type {
  FromWorker,
  ToWorker,
  WorkerConfig,
  WorkerEngine,
  WorkerRequest,
  WorkerService,
  WorkerStart,
  WorkerUpstream,
} from './worker-protocol.ts';
import { ReportWriter, type WorkerNumbers } from './worker-report.ts';

/** How often a worker reports its connections when they changed; what the directors must know goes at once. */
const reportIntervalMs = 200;
/** Every so many times it reports too when only counters changed, as they do while anybody talks. */
const countersOneOf = 5;

export interface WorkerOptions {
  readonly start: WorkerStart;
  /** What it picks from; undefined: it asks the supervisor. */
  readonly table: PickTable | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly relays: RelayMaker;
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
  readonly #engine: WorkerEngine;
  readonly #listeners: WorkerListeners;
  readonly #picker: Picker;
  readonly #shared: SharedPicker | undefined;
  readonly #asking: IpcPicker | undefined;
  readonly #flows: WorkerFlows;
  readonly #reports = new ReportWriter();
  readonly #reporting: Timer;
  readonly #steering: SteeredWorker | undefined;
  readonly #expiring: Timer | undefined;
  readonly #sources = new SourceAddresses();
  readonly #destinations = new SharedDestinations();
  #config: WorkerConfig = {
    revision: 0,
    accepting: false,
    services: [],
    upstreams: [],
    plan: emptyPlan,
    sources: [],
  };
  #byId = new Map<number, WorkerUpstream>();
  #byKey = new Map<string, WorkerUpstream>();
  #applying: Promise<void> = Promise.resolve();
  #full = false;
  #reportTurns = 0;
  /** Clients that were routed and have not ended, by id: the live connections of each service. */
  readonly #clients = new Set<number>();
  readonly #liveByService = new Map<string, number>();

  constructor({ start, table, clock, log, relays, steering, send, recordsDropped }: WorkerOptions) {
    this.#log = log;
    this.#send = send;
    this.#recordsDropped = recordsDropped;
    this.#relay = relays.create({
      router: this,
      limit: start.limit,
      clock,
      onRouterError: (error) => log.error({ why: describeError(error) }, 'routing a connection failed'),
    });
    this.#limit = this.#relay.limit;
    this.#engine = { ...relays.inForce, limit: this.#limit };
    this.#listeners = new WorkerListeners(this.#relay, start.reusePort, (listener, service) =>
      this.#steer(listener, service),
    );
    const options = {
      clock,
      send: (requests: readonly WorkerRequest[], sent: () => void) =>
        send({ kind: 'requests', requests }, sent),
      upstream: (id: number) => this.#byId.get(id),
    };
    if (table === undefined) this.#picker = this.#asking = new IpcPicker(options);
    else {
      const { place } = start;
      this.#picker = this.#shared = new SharedPicker({ ...options, table, place, random: Math.random });
    }
    this.#flows = new WorkerFlows({ clock, send: (frame, sent) => send({ kind: 'flows', frame }, sent) });
    this.#reporting = every(
      clock,
      reportIntervalMs,
      () => this.#report(++this.#reportTurns % countersOneOf === 0),
      true,
    );
    this.#steering = steering;
    if (steering !== undefined)
      this.#expiring = every(clock, pendingMs, () => steering.record.expire(), true);
  }

  /** Takes a message of the supervisor. */
  receive(message: ToWorker): void {
    if (message.kind === 'answers') this.#asking?.answer(message.answers);
    else if (message.kind === 'serve') this.#shared?.serve(message.service);
    else if (message.kind === 'ping') this.#send({ kind: 'pong', beat: message.beat });
    else if (message.kind === 'reset') this.#reset(message);
    else if (message.kind === 'config') this.#take(message.config);
  }

  route(client: RelayClient, tried: readonly string[]): Destination | null | Promise<Destination | null> {
    if (tried.length === 0) {
      this.#clients.add(client.id);
      this.#count(client.service, 1);
      this.#flows.began(client);
      this.#connectionsChanged();
    }
    const { id: connection, service, source } = client;
    const picked = this.#picker.pick({
      service,
      client: source,
      tried: tried.flatMap((id) => this.#upstreamOf(id)?.id ?? []),
      connection,
    });
    return picked instanceof Promise
      ? picked.then((upstream) => this.#destination(client, upstream))
      : this.#destination(client, picked);
  }

  failed(_client: RelayClient, destination: Destination, error: HeadgateError): void {
    this.#sources.give(upstreamKeyOf(destination.id), destination.localAddress);
    const id = this.#upstreamOf(destination.id)?.id;
    if (id === undefined) return;
    // Other failures say nothing of the upstream: the client left, or this process ran out of something.
    const accused =
      error.code === 'HEADGATE_RELAY_CONNECT_REFUSED' || error.code === 'HEADGATE_RELAY_CONNECT_TIMEOUT';
    if (accused) this.#picker.failed(id);
    else if (isOutOfPorts(error)) this.#picker.outOfPorts(id);
    else this.#picker.release(id);
  }

  ended(record: ConnectionRecord): void {
    const { client, destination } = record;
    if (destination === null) this.#picker.leave(client.id);
    else this.#sources.give(upstreamKeyOf(destination.id), destination.localAddress);
    const id = destination === null ? undefined : this.#upstreamOf(destination.id)?.id;
    if (id !== undefined) this.#picker.release(id);
    if (this.#clients.delete(client.id)) {
      this.#count(client.service, -1);
      this.#flows.ended(client);
    }
    this.#log.info(
      connectionFields(record, (one) => this.#upstreamOf(one)?.name),
      'connection ended',
    );
    this.#connectionsChanged();
  }

  /** Ends everything; clients get RST. */
  async close(): Promise<void> {
    this.#reporting.cancel();
    this.#expiring?.cancel();
    this.#shared?.close();
    this.#flows.close();
    await this.#relay.close();
  }

  #take(config: WorkerConfig): void {
    this.#config = config;
    this.#sources.set(config.sources);
    this.#destinations.clear();
    // The supervisor lists an upstream as long as it holds connections, so nothing held here is forgotten.
    this.#byId = new Map(config.upstreams.map((upstream) => [upstream.id, upstream]));
    this.#byKey = new Map(config.upstreams.map((upstream) => [upstream.key, upstream]));
    this.#shared?.configure(config.plan);
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
      engine: this.#engine,
      listening: this.#listeners.listening('own'),
      listeningVip: this.#listeners.listening('vip'),
      failures,
    });
  }

  #destination(client: RelayClient, picked: Picked): Destination | null {
    if (picked === null) return null;
    const { key, endpoint } = picked;
    const localAddress = this.#sources.take(key, endpoint.host);
    const destination = this.#destinations.of(client.service, key, endpoint, localAddress);
    const preface = this.#preface(client);
    return preface === undefined ? destination : { ...destination, preface };
  }

  #upstreamOf(id: string): WorkerUpstream | undefined {
    return this.#byKey.get(upstreamKeyOf(id));
  }

  /** Ends connections to an upstream, of all services that have any when none are named. */
  #reset({ upstream, services, most }: Extract<ToWorker, { readonly kind: 'reset' }>): void {
    let left = most;
    for (const id of this.#relay.destinations().keys()) {
      const [service = ''] = id.split(' ', 1);
      if (upstreamKeyOf(id) === upstream && (services === undefined || services.includes(service)))
        left -= this.#relay.reset(id, left);
    }
  }

  #preface({ service, source, destination }: RelayClient): Uint8Array | undefined {
    const version = this.#config.services.find(({ name }) => name === service)?.sendProxy ?? 'off';
    return version === 'off' ? undefined : encodeProxyHeader(version, source, destination);
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
      counters: {
        ...relayCounters,
        ...this.#picker.stats,
        recordsDropped: this.#recordsDropped(),
        flowBacklogsDropped: this.#flows.dropped,
      },
    };
  }

  #report(withCounters = true): void {
    const report = this.#reports.next(this.#numbers(), withCounters);
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
