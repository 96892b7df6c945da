import { every, type Clock, type Timer } from '../lib/clock/index.ts';
import { formatEndpoint } from '../lib/address/index.ts';
import { describeError, HeadgateError } from '../lib/errors/index.ts';
import { publishFlows, type FlowPublisher } from '../lib/flow-report/index.ts';
import {
  createHeartbeats,
  createResponder,
  type Forwards,
  type HeartbeatReply,
  type Responder,
} from '../lib/heartbeat/index.ts';
import { ephemeralPorts } from '../lib/linux/index.ts';
import type { ChosenEngine } from '../lib/relay/index.ts';
import type { SharedMemory } from '../lib/shared-memory/index.ts';
import { RateMeter, type TierContext, type TierNode, type TierStatus } from '../node/index.ts';
import type { Balancer, Topology } from '../topology/index.ts';
import { AllowedDirectors } from './allowed-directors.ts';
import { checkTopology, type CheckHost } from './check-topology.ts';
import { Conditions } from './conditions.ts';
import { CounterTotals } from './counter-totals.ts';
import { startDeadResets } from './dead-resets.ts';
import type { Doomed } from './doomed-upstreams.ts';
import { engineInForce, EngineLog, type EngineOfNode, type PlannedEngine } from './engine-in-force.ts';
import { FlowBook } from './flow-book.ts';
import { ForwardedWays } from './forwarded-ways.ts';
import { HostPreparation, type PrepareHost } from './host-preparation.ts';
import { listenError, ListenFailures } from './listen-failures.ts';
import { PickTable } from './pick-table.ts';
import { readinessOf } from './readiness.ts';
import { requireLocal } from './require-local.ts';
import { GroupNumbers, type Steering, type SteeringChoice } from './steering/index.ts';
import { takesOf } from './takes.ts';
import { UpstreamWatch } from './upstream-watch.ts';
import { VipNeeds, type VipNeed } from './vip-needs.ts';
import { waysWith, type WaysOf } from './ways.ts';
import { WorkerFleet, type FleetEvents, type FleetMember } from './worker-fleet.ts';
import { firstInherited, type SpawnWorker } from './worker-process.ts';
import type { WorkerRequest, WorkerConfig, WorkerReport } from './worker-protocol.ts';
import { servicesOf, workerServices } from './worker-services.ts';

/** How long a changed topology may take to reach all workers before `apply` goes on without them. */
const applyTimeoutMs = 5_000;
/** Workers that may die before they are ready until the start is given up. */
const startDeaths = 3;
/** How often forgotten servers, parted directors and the rate are looked after. */
const housekeepingMs = 1_000;
/** How often the shares of chat servers that start slowly grow. */
const warmingMs = 250;
/** Every how many rounds of housekeeping a listener that could not be opened is tried again. */
const retryRounds = 2;

export interface SupervisorOptions {
  readonly workers: number;
  /** Most connections of each worker. */
  readonly workerLimit: number;
  readonly engine: ChosenEngine;
  /** Undefined: the kernel finds a worker by its hash. */
  readonly steering?: Steering | undefined;
  readonly steered: SteeringChoice;
  readonly reusePort: boolean;
  readonly spawn: SpawnWorker;
  /** Shared with the workers, for their picks; undefined: they ask. */
  readonly memory: SharedMemory | undefined;
  /** The VIPs that packets shall arrive for on this host. */
  readonly vips: (topology: Topology, me: Balancer, waysOf: WaysOf) => readonly VipNeed[];
  readonly prepareHost: PrepareHost;
  readonly checkHost: CheckHost;
}

/**
 * Clients in the flow book for each connection that the workers may have: one that ended may be told after the next one
 * that another worker has from the same port.
 */
const bookFactor = 2;

/** One balancer node: everything but the connections themselves, which its workers carry. */
export class Supervisor implements TierNode, FleetEvents {
  readonly #context: TierContext;
  readonly #clock: Clock;
  readonly #directors = new AllowedDirectors();
  readonly #totals = new CounterTotals();
  readonly #rate: RateMeter;
  readonly #failures: ListenFailures;
  readonly #conditions: Conditions;
  readonly #upstreams: UpstreamWatch;
  readonly #responder: Responder;
  readonly #fleet: WorkerFleet;
  readonly #vips: SupervisorOptions['vips'];
  readonly #checkHost: CheckHost;
  readonly #vipNeeds = new VipNeeds();
  readonly #forwarded = new ForwardedWays();
  readonly #waysOf: WaysOf = ({ forwarding, listen }) =>
    waysWith(forwarding, this.#forwarded.of(formatEndpoint(listen), this.#clock.now()));
  readonly #host: HostPreparation;
  readonly #book: FlowBook;
  readonly #publisher: FlowPublisher;
  readonly #planned: PlannedEngine;
  readonly #engineLog: EngineLog;
  readonly #steering: Steering | undefined;
  readonly #steered: SteeringChoice;
  readonly #groups = new GroupNumbers();
  readonly #memory: SharedMemory | undefined;
  readonly #timers: readonly Timer[];
  #topology: Topology;
  #me: Balancer;
  #revision = 1;
  #accepting = true;
  #draining = false;
  #drained: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  #unservedDeaths = 0;
  #rounds = 0;
  #announced = '';
  /** In which ways services are to take connections, as it was carried out last. */
  #wantedWays = '';
  #complete = false;
  #sources: readonly string[];
  /** Servers found without ports, and connects that found none, when that was looked at last; and whether it was told. */
  #shortages = 0;
  #isShort = false;

  constructor(context: TierContext, me: Balancer, options: SupervisorOptions) {
    const { topology, clock, log, key, node, control, generations } = context;
    const { heartbeat, cluster } = topology;
    const { workers, workerLimit, engine, steering, reusePort, spawn, memory, vips, prepareHost } = options;
    this.#context = context;
    this.#clock = clock;
    this.#topology = topology;
    this.#me = me;
    this.#memory = memory;
    this.#planned = { engine: engine.engine, reason: engine.reason, workers, workerLimit };
    this.#engineLog = new EngineLog(log, this.#planned);
    this.#steering = steering;
    this.#steered = options.steered;
    this.#rate = new RateMeter(clock);
    this.#failures = new ListenFailures(log);
    this.#conditions = new Conditions(clock);
    this.#applyDirectors();
    this.#vips = vips;
    this.#checkHost = options.checkHost;
    this.#host = new HostPreparation({
      prepare: prepareHost,
      log,
      clock,
      random: Math.random,
      onReady: () => void this.#publish(),
    });
    this.#book = new FlowBook(workers * workerLimit * bookFactor, (service, key, isLive) =>
      this.#publisher.changed(service, key, isLive),
    );
    this.#serveFlows();
    this.#publisher = publishFlows({ server: control, source: this.#book, clock });
    const heartbeats = createHeartbeats({
      settings: heartbeat,
      identity: { key, cluster, node, ...(generations && { generations }) },
      log,
      clock,
      onChange: () => this.#healthChanged(),
      onReply: () => this.#healthChanged(),
    });
    this.#upstreams = new UpstreamWatch({
      heartbeats,
      table: new PickTable(memory?.buffer ?? new ArrayBuffer(PickTable.bytes(workers)), workers),
      queues: memory !== undefined,
      random: Math.random,
      clock,
      serve: (place, service) => this.#fleet.tell(place, { kind: 'serve', service }),
      onFullness: () => this.#review(),
    });
    this.#sources = me.sources;
    this.#upstreams.setPorts(me.sources.length, ephemeralPorts());
    this.#upstreams.apply(topology, me.name);
    this.#responder = createResponder({
      server: control,
      reply: () => this.#reply(),
      intervalMs: () => this.#topology.heartbeat.intervalMs,
      clock,
      ...(generations && { generations }),
      onForwards: (director, forwards) => this.#heardForwards(director, forwards),
    });
    const table = memory === undefined ? undefined : { fd: firstInherited, workers };
    const next = firstInherited + (memory === undefined ? 0 : 1);
    const start = {
      limit: workerLimit,
      engine: engine.engine,
      engineReason: engine.reason,
      engineIsWish: engine.isWish,
      reusePort,
      table,
      ...(steering === undefined
        ? {}
        : { steered: { descriptors: [next, next + 1] as const, places: workers } }),
      log: { level: log.level, bindings: log.bindings() },
    };
    this.#fleet = new WorkerFleet(
      { size: workers, spawn, start, clock, log, beat: heartbeat, events: this },
      this.#config(),
    );
    this.#timers = [
      every(clock, housekeepingMs, () => this.#keepHouse(), true),
      startDeadResets({
        clock,
        doomed: () => this.#upstreams.doomed(),
        reset: (doomed, most) => this.#reset(doomed, most),
      }),
      every(clock, warmingMs, () => this.#upstreams.tick(), true),
    ];
    this.#wantedWays = this.#describeWays();
    this.#complete = true;
  }

  /** Resolves when every worker listens for every service. */
  async started(): Promise<void> {
    const ready = (): boolean => this.#fleet.hasApplied(1);
    await this.#conditions.when(() => ready() || this.#unservedDeaths >= startDeaths);
    if (!ready()) {
      throw new HeadgateError('HEADGATE_BALANCER_WORKERS', `${startDeaths} workers ended while they started`);
    }
    const failures = this.#fleet.members().flatMap(({ applied }) => applied?.failures ?? []);
    if (failures[0] !== undefined) throw listenError(failures[0]);
    if (await this.#prepareHost()) await this.#publish();
  }

  async apply(topology: Topology): Promise<void> {
    const { log, node } = this.#context;
    const me = topology.balancers.find(({ name }) => name === node);
    if (me === undefined || me.host !== this.#me.host) {
      // What it has goes on as before; directors that do not know yet must hear that it takes nothing new.
      this.#me = { ...this.#me, state: 'drain' };
      this.#review();
      return;
    }
    const fixed = ['workers', 'maxConnections', 'engine'] as const;
    if (fixed.some((key) => me[key] !== this.#me[key])) {
      log.warn('a changed number of workers or connections, or engine, takes effect at the next start');
    }
    this.#topology = topology;
    this.#me = me;
    this.#applyDirectors();
    this.#fleet.setBeat(topology.heartbeat);
    this.#serveFlows();
    await this.#prepareHost();
    await this.#applySources(me.sources);
    if (this.#closed !== undefined) return;
    // From here until they have the new plan no worker picks: nothing may be waited for in between.
    this.#upstreams.apply(topology, node);
    await this.#publish();
    this.#review();
  }

  async check(topology: Topology): Promise<void> {
    const [running, me] = [this.#topology, this.#me];
    await checkTopology({ running, me, checkHost: this.#checkHost }, topology);
  }

  status(): TierStatus {
    const accepted = this.#totals.get('accepted');
    const { engine, limit } = this.#engineInForce();
    return {
      draining: this.#isDraining(),
      connections: this.#connections(),
      accepted,
      newPerSecond: this.#rate.perSecond(accepted),
      limit,
      engine,
      spreading: this.#steered,
      counters: sums(this.#totals.all(), { ...this.#fleet.stats }, this.#upstreams.stats, {
        ...this.#flowCounters(),
      }),
      watches: this.#upstreams.status(),
      waiting: Object.fromEntries(this.#upstreams.waiting()),
      workers: this.#fleet
        .members()
        .map(({ pid, misses, report }) => ({ pid, misses, connections: report?.connections ?? 0 })),
    };
  }

  drain(): Promise<void> {
    return (this.#drained ??= this.#drain());
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  requests(member: FleetMember, requests: readonly WorkerRequest[]): readonly number[] {
    return this.#upstreams.answer(member.place, requests);
  }

  report(_member: FleetMember, { counters }: WorkerReport): void {
    this.#totals.add(counters);
    this.#workersChanged();
  }

  flows(member: FleetMember, frame: unknown): boolean {
    return this.#book.take(member.id, frame);
  }

  applied(): void {
    if (this.#fleet.hasApplied(this.#revision)) {
      this.#failures.update(this.#fleet.members().flatMap(({ applied }) => applied?.failures ?? []));
      this.#engineLog.update(this.#engineInForce());
    }
    this.#workersChanged();
  }

  silent(member: FleetMember): void {
    this.#steering?.gone(member.place);
  }

  gone(member: FleetMember, served: boolean): void {
    this.#upstreams.workerGone(member.place);
    this.#steering?.gone(member.place);
    this.#book.workerGone(member.id);
    if (!served) this.#unservedDeaths++;
    this.#workersChanged();
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    this.#review();
    await this.#responder.whenTold(2 * this.#topology.heartbeat.intervalMs);
    this.#accepting = false;
    await this.#publish();
    await this.#conditions.when(() => this.#fleet.hasApplied(this.#revision) && this.#connections() === 0);
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#upstreams.close();
    this.#responder.close();
    this.#conditions.close();
    await this.#fleet.close();
    this.#memory?.close();
    this.#steering?.close();
    this.#publisher.close();
    await this.#host.undo();
  }

  #config(): WorkerConfig {
    const nowMs = this.#clock.now();
    const atVip = servicesOf(this.#topology, this.#me.name).filter(
      (service) =>
        this.#vipNeeds.listens(service, nowMs) && this.#host.ready(service.listen.host) !== undefined,
    );
    const services = workerServices(this.#topology, this.#me, {
      directorHosts: this.#directors.hosts(),
      atVip: new Set(atVip.map(({ name }) => name)),
      waysOf: this.#waysOf,
    });
    const groups = this.#groups.assign(services.map(({ endpoint }) => formatEndpoint(endpoint)));
    return {
      revision: this.#revision,
      accepting: this.#accepting,
      services: services.map((service) => ({
        ...service,
        group: groups.get(formatEndpoint(service.endpoint))!,
      })),
      upstreams: this.#upstreams.forWorkers(),
      plan: this.#upstreams.plan,
      sources: this.#sources,
    };
  }

  async #publish(): Promise<void> {
    const revision = ++this.#revision;
    this.#fleet.publish(this.#config());
    await this.#conditions.when(() => this.#fleet.hasApplied(revision), applyTimeoutMs);
  }

  /** Remembers the services, and wants their VIPs on the host; whether there are any. */
  async #prepareHost(): Promise<boolean> {
    this.#wantedWays = this.#describeWays();
    this.#vipNeeds.apply(this.#vips(this.#topology, this.#me, this.#waysOf), this.#clock.now());
    await this.#keepHost();
    return this.#vipNeeds.vips().size > 0;
  }

  #applyDirectors(): void {
    this.#directors.apply(directorHosts(this.#topology), this.#clock.now());
    this.#forwarded.apply(this.#topology.directors.map(({ name }) => name));
  }

  #heardForwards(director: string, forwards: Forwards): void {
    this.#forwarded.hear(director, forwards, this.#clock.now());
    this.#followWays();
  }

  /** Directors forward in another way than before, or have been silent for long. */
  #followWays(): void {
    if (this.#closed !== undefined || !this.#accepting || this.#describeWays() === this.#wantedWays) return;
    void this.#takeWays();
  }

  async #takeWays(): Promise<void> {
    await this.#prepareHost();
    if (this.#closed === undefined) await this.#publish();
  }

  #describeWays(): string {
    const services = servicesOf(this.#topology, this.#me.name);
    return services.map((service) => `${service.name}: ${[...this.#waysOf(service)].join()}`).join('; ');
  }

  #keepHost(): Promise<void> {
    const services = servicesOf(this.#topology, this.#me.name);
    const isDemanded = services.some(({ forwarding }) => forwarding === 'dr' || forwarding === 'tun');
    return this.#host.apply(this.#vipNeeds.vips(), directorHosts(this.#topology), isDemanded);
  }

  #serveFlows(): void {
    this.#book.serve(servicesOf(this.#topology, this.#me.name).map(({ listen }) => formatEndpoint(listen)));
  }

  #flowCounters(): Readonly<Record<string, number>> {
    const { flowBacklogsDropped, ...published } = this.#publisher.stats();
    const ofWorkers = this.#totals.get('flowBacklogsDropped');
    return {
      ...published,
      flowBacklogsDropped: flowBacklogsDropped + ofWorkers,
      flowsUnreported: this.#book.overflows,
    };
  }

  /** Addresses that are not of this machine are told and not used: every connect from them would fail. */
  async #applySources(sources: readonly string[]): Promise<void> {
    try {
      await requireLocal(sources, this.#me.name);
      this.#sources = sources;
    } catch (error) {
      this.#context.log.error(`the sources stay as they were: ${describeError(error)}`);
    }
    this.#upstreams.setPorts(this.#sources.length, ephemeralPorts());
  }

  #watchPorts(): void {
    const { portsFull = 0, portsExhausted = 0 } = this.#upstreams.stats;
    const isShort = portsFull + portsExhausted > this.#shortages;
    this.#shortages = portsFull + portsExhausted;
    if (isShort && !this.#isShort) {
      this.#context.log.warn(
        `no source port is left towards a chat server (${this.#upstreams.mostPerServer} connections at the most to each); ` +
          `give balancers.${this.#me.name}.sources more addresses, or add chat servers`,
      );
    }
    this.#isShort = isShort;
  }

  #keepHouse(): void {
    this.#watchPorts();
    this.#rate.sample(this.#totals.get('accepted'));
    this.#upstreams.sweep();
    const nowMs = this.#clock.now();
    if (this.#vipNeeds.expire((vip) => this.#book.count(formatEndpoint(vip)) > 0)) void this.#keepHost();
    this.#followWays();
    const retry = this.#failures.any && ++this.#rounds % retryRounds === 0;
    const hasParted = this.#vipNeeds.hasParted(nowMs);
    if (this.#directors.expire(nowMs) || hasParted || retry) void this.#publish();
  }

  #healthChanged(): void {
    // Servers that are never asked are up before this constructor has ended.
    if (!this.#complete) return;
    this.#upstreams.healthChanged();
    this.#review();
  }

  #workersChanged(): void {
    this.#review();
    this.#conditions.wake();
  }

  #reset({ key, services }: Doomed, most: number): void {
    const share = Math.ceil(most / Math.max(1, this.#fleet.members().length));
    this.#fleet.broadcast({ kind: 'reset', upstream: key, services, most: share });
  }

  #engineInForce(): EngineOfNode {
    const engines = this.#fleet.members().flatMap(({ applied }) => applied?.engine ?? []);
    return engineInForce(this.#planned, engines);
  }

  #connections(): number {
    return this.#fleet.members().reduce((sum, { report }) => sum + (report?.connections ?? 0), 0);
  }

  #isDraining(): boolean {
    return this.#draining || this.#me.state === 'drain';
  }

  #reply(): HeartbeatReply {
    const members = this.#fleet.members();
    const full = members.some(({ report }) => report?.full === true);
    const services = servicesOf(this.#topology, this.#me.name).map((service) => {
      const { name, listen } = service;
      const state = readinessOf({
        draining: this.#isDraining(),
        listening: members.some(({ applied }) => applied?.listening.includes(name)),
        full: full || this.#upstreams.isFull(name),
        canTake: this.#upstreams.canTake(name),
      });
      const connections = members.reduce((sum, { report }) => sum + (report?.services[name] ?? 0), 0);
      const takes = takesOf({
        ways: this.#waysOf(service),
        listensOwn: members.some(({ applied }) => applied?.listening.includes(name)),
        listensVip: members.some(({ applied }) => applied?.listeningVip.includes(name)),
        unwraps: this.#host.ready(listen.host) === 'tun',
      });
      return [name, { state, connections, takes }] as const;
    });
    return {
      services: Object.fromEntries(services),
      connections: this.#connections(),
      topology: this.#topology.hash,
    };
  }

  /** Tells the directors at once when the readiness of a service changed. */
  #review(): void {
    const readiness = Object.entries(this.#reply().services).map(
      ([name, { state, takes }]) => `${name}: ${state}, takes ${takes?.join(' and ') || 'nothing'}`,
    );
    if (readiness.join() === this.#announced) return;
    this.#announced = readiness.join();
    this.#context.log.info({ readiness }, 'readiness changed');
    this.#responder.announce();
  }
}

function directorHosts({ directors }: Topology): readonly string[] {
  return directors.map(({ host }) => host);
}

/** Counters of several sources; those of one name added. */
function sums(...sources: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const totals = new Map<string, number>();
  for (const source of sources)
    for (const [name, count] of Object.entries(source)) totals.set(name, (totals.get(name) ?? 0) + count);
  return Object.fromEntries(totals);
}
