import { every, type Clock, type Timer } from '../lib/clock/index.ts';
import { describeError, HeadgateError } from '../lib/errors/index.ts';
import { ephemeralPorts } from '../lib/linux/index.ts';
import { formatEndpoint } from '../lib/address/index.ts';
import {
  createHeartbeats,
  createResponder,
  type HeartbeatReply,
  type Responder,
} from '../lib/heartbeat/index.ts';
import type { ChosenEngine } from '../lib/relay/index.ts';
import { RateMeter, type TierContext, type TierNode, type TierStatus } from '../node/index.ts';
import type { Balancer, Topology } from '../topology/index.ts';
import { AllowedDirectors } from './allowed-directors.ts';
import { Conditions } from './conditions.ts';
import { CounterTotals } from './counter-totals.ts';
import { startDeadResets } from './dead-resets.ts';
import { listenError, ListenFailures } from './listen-failures.ts';
import { readinessOf } from './readiness.ts';
import { requireLocal } from './require-local.ts';
import { GroupNumbers, type Steering, type SteeringChoice } from './steering/index.ts';
import { UpstreamWatch } from './upstream-watch.ts';
import { WorkerFleet, type FleetEvents, type FleetMember } from './worker-fleet.ts';
import type { SpawnWorker } from './worker-process.ts';
import type { PickRequest, WorkerConfig, WorkerReport } from './worker-protocol.ts';
import { servicesOf, workerServices } from './worker-services.ts';

/** How long a changed topology may take to reach all workers before `apply` goes on without them. */
const applyTimeoutMs = 5_000;
/** Workers that may die before they are ready until the start is given up. */
const startDeaths = 3;
/** How often forgotten servers, parted directors and the rate are looked after. */
const housekeepingMs = 1_000;
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
}

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
  readonly #limit: number;
  readonly #engine: NonNullable<TierStatus['engine']>;
  readonly #steering: Steering | undefined;
  readonly #steered: SteeringChoice;
  readonly #groups = new GroupNumbers();
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
  #complete = false;
  #sources: readonly string[];
  /** Picks that passed over servers for want of ports, at the last round of housekeeping; and whether that was told. */
  #shortPicks = 0;
  #isShort = false;

  constructor(context: TierContext, me: Balancer, options: SupervisorOptions) {
    const { topology, clock, log, key, node, control } = context;
    const { heartbeat, cluster } = topology;
    const { workers, workerLimit: limit, engine, steering, reusePort, spawn } = options;
    this.#context = context;
    this.#clock = clock;
    this.#topology = topology;
    this.#me = me;
    this.#limit = workers * limit;
    this.#engine = { name: engine.engine, reason: engine.reason };
    this.#steering = steering;
    this.#steered = options.steered;
    this.#rate = new RateMeter(clock);
    this.#failures = new ListenFailures(log);
    this.#conditions = new Conditions(clock);
    this.#directors.apply(directorHosts(topology), clock.now());
    const heartbeats = createHeartbeats({
      settings: heartbeat,
      identity: { key, cluster, node },
      log,
      clock,
      onChange: () => this.#healthChanged(),
      onReply: () => this.#healthChanged(),
    });
    this.#upstreams = new UpstreamWatch({ heartbeats, random: Math.random, now: () => clock.now() });
    this.#sources = me.sources;
    this.#upstreams.setPorts(me.sources.length, ephemeralPorts());
    this.#upstreams.apply(topology, me.name);
    this.#responder = createResponder({
      server: control,
      reply: () => this.#reply(),
      intervalMs: () => this.#topology.heartbeat.intervalMs,
      clock,
    });
    const start = {
      limit,
      engine: engine.engine,
      engineIsWish: engine.isWish,
      ...(steering === undefined ? {} : { steered: workers }),
      reusePort,
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
        dead: () => this.#upstreams.dead(),
        reset: (upstream, most) => this.#resetDead(upstream, most),
      }),
    ];
    this.#complete = true;
  }

  /** Resolves when every worker listens for every service. */
  async started(): Promise<void> {
    const ready = (): boolean => this.#fleet.hasApplied(1);
    await this.#conditions.when(() => ready() || this.#unservedDeaths >= startDeaths);
    if (!ready()) {
      throw new HeadgateError('HEADGATE_BALANCER_WORKERS', `${startDeaths} workers ended while they started`);
    }
    const failure = this.#fleet.members().flatMap(({ applied }) => applied?.failures ?? [])[0];
    if (failure !== undefined) throw listenError(failure);
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
    this.#directors.apply(directorHosts(topology), this.#clock.now());
    this.#fleet.setBeat(topology.heartbeat);
    await this.#applySources(me.sources);
    this.#upstreams.apply(topology, node);
    await this.#publish();
    this.#review();
  }

  status(): TierStatus {
    const accepted = this.#totals.get('accepted');
    return {
      draining: this.#isDraining(),
      connections: this.#connections(),
      accepted,
      newPerSecond: this.#rate.perSecond(accepted),
      limit: this.#limit,
      engine: this.#engine,
      spreading: this.#steered,
      counters: { ...this.#totals.all(), ...this.#fleet.stats, ...this.#upstreams.stats },
      watches: this.#upstreams.status(),
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

  requests(member: FleetMember, requests: readonly PickRequest[]): readonly number[] {
    return this.#upstreams.answer(member.id, requests);
  }

  report(_member: FleetMember, { counters }: WorkerReport): void {
    this.#totals.add(counters);
    this.#workersChanged();
  }

  applied(): void {
    if (this.#fleet.hasApplied(this.#revision)) {
      this.#failures.update(this.#fleet.members().flatMap(({ applied }) => applied?.failures ?? []));
    }
    this.#workersChanged();
  }

  gone(member: FleetMember, served: boolean): void {
    this.#upstreams.workerGone(member.id);
    this.#steering?.gone(member.place);
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
    this.#steering?.close();
  }

  #config(): WorkerConfig {
    const services = workerServices(this.#topology, this.#me, this.#directors.hosts());
    const groups = this.#groups.assign(services.map(({ endpoint }) => formatEndpoint(endpoint)));
    return {
      revision: this.#revision,
      accepting: this.#accepting,
      services: services.map((service) => ({
        ...service,
        group: groups.get(formatEndpoint(service.endpoint))!,
      })),
      upstreams: this.#upstreams.forWorkers(),
      sources: this.#sources,
    };
  }

  async #publish(): Promise<void> {
    const revision = ++this.#revision;
    this.#fleet.publish(this.#config());
    await this.#conditions.when(() => this.#fleet.hasApplied(revision), applyTimeoutMs);
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
    const { picksShortOfPorts } = this.#upstreams.stats;
    const isShort = picksShortOfPorts > this.#shortPicks;
    this.#shortPicks = picksShortOfPorts;
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
    // Ports become free again, and with them room, without a word from anybody.
    this.#review();
    this.#rate.sample(this.#totals.get('accepted'));
    this.#upstreams.sweep();
    const retry = this.#failures.any && ++this.#rounds % retryRounds === 0;
    if (this.#directors.expire(this.#clock.now()) || retry) void this.#publish();
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

  #resetDead(upstream: string, most: number): void {
    const share = Math.ceil(most / Math.max(1, this.#fleet.members().length));
    this.#fleet.broadcast({ kind: 'reset', upstream, most: share });
  }

  #connections(): number {
    return this.#fleet.members().reduce((sum, { report }) => sum + (report?.connections ?? 0), 0);
  }

  #isDraining(): boolean {
    return this.#draining || this.#me.state === 'drain';
  }

  #reply(): HeartbeatReply {
    const members = this.#fleet.members();
    const full = members.some(({ report }) => report?.full);
    const services = servicesOf(this.#topology, this.#me.name).map(({ name }) => {
      const state = readinessOf({
        draining: this.#isDraining(),
        listening: members.some(({ applied }) => applied?.listening.includes(name)),
        full: full === true || this.#upstreams.isShortOfPorts(name),
        canTake: this.#upstreams.canTake(name),
      });
      const connections = members.reduce((sum, { report }) => sum + (report?.services[name] ?? 0), 0);
      return [name, { state, connections }] as const;
    });
    return {
      services: Object.fromEntries(services),
      connections: this.#connections(),
      topology: this.#topology.hash,
    };
  }

  /** Tells the directors at once when the readiness of a service changed. */
  #review(): void {
    const readiness = Object.entries(this.#reply().services).map(([name, { state }]) => `${name}: ${state}`);
    if (readiness.join() === this.#announced) return;
    this.#announced = readiness.join();
    this.#context.log.info({ readiness }, 'readiness changed');
    this.#responder.announce();
  }
}

function directorHosts({ directors }: Topology): readonly string[] {
  return directors.map(({ host }) => host);
}
