import type { Clock } from '../lib/clock/index.ts';
import type { Heartbeats, TargetHealth } from '../lib/heartbeat/index.ts';
import type { WatchedNode } from '../node/index.ts';
import type { Service, Topology } from '../topology/index.ts';
import { watchedChatServer } from './balancer-status.ts';
import { doomedUpstreams, type Doomed } from './doomed-upstreams.ts';
import type { PickPlan } from './pick-plan.ts';
import type { PickTable } from './pick-table.ts';
import { UpstreamPool } from './upstream-pool.ts';
import { heartbeatTargets } from './upstream-targets.ts';
import type { WorkerRequest, WorkerUpstream } from './worker-protocol.ts';
import { servicesOf } from './worker-services.ts';

/** Each counts from start; where workers pick themselves they count the same, and these stay 0. */
interface WatchStats extends Record<string, number> {
  /** Times a worker asked for a chat server. Expected. */
  picks: number;
  /** Of these, how often there was none. Not expected. */
  picksWithoutUpstream: number;
  /** Of these, how often every one was at its limit. Expected where servers have limits. */
  refusedNoPlace: number;
  /** Releases of a place that nobody held. Not expected. */
  badReleases: number;
  /** Connects that found no source port towards their chat server. Not expected. */
  portsExhausted: number;
  /** Times a chat server had as many connections as there are source ports to it, looked at every second. Not expected. */
  portsFull: number;
}

export interface UpstreamWatchOptions {
  readonly heartbeats: Heartbeats;
  readonly table: PickTable;
  /** Whether clients may wait in the workers. */
  readonly queues: boolean;
  readonly random: () => number;
  readonly clock: Clock;
  /** Milliseconds since 1970; default: the machine's. */
  readonly wallMs?: () => number;
  /** There may be room for the longest waiting client of the service; it is one of the worker at `place`. */
  readonly serve: (place: number, service: string) => void;
  /** A service became full, or has room again. */
  readonly onFullness: () => void;
}

/** The chat servers: keeps the upstream pool and the heartbeats in step, and answers the workers out of both. */
export class UpstreamWatch {
  readonly #stats: WatchStats = {
    picks: 0,
    picksWithoutUpstream: 0,
    refusedNoPlace: 0,
    badReleases: 0,
    portsExhausted: 0,
    portsFull: 0,
  };
  #short = 0;
  readonly #pool: UpstreamPool;
  readonly #options: UpstreamWatchOptions;
  readonly #heartbeats: Heartbeats;
  #services: readonly Service[] = [];

  constructor(options: UpstreamWatchOptions) {
    const { heartbeats, table, random, clock } = options;
    this.#options = options;
    this.#heartbeats = heartbeats;
    this.#pool = new UpstreamPool({ table, random, now: () => clock.now() });
  }

  /** Addresses connections come from (0: one of the kernel's choice), and the ephemeral ports of each; from apply() on. */
  setPorts(sources: number, ports: number | undefined): void {
    this.#pool.ports.set(sources, ports);
  }

  /** Connections this node can have to one chat server; Infinity: not known. */
  get mostPerServer(): number {
    return this.#pool.ports.most;
  }

  get plan(): PickPlan {
    return this.#pool.plan;
  }

  get stats(): Readonly<Record<string, number>> {
    return { ...this.#stats, locksBroken: this.#pool.locksBroken };
  }

  apply(topology: Topology, balancer: string): void {
    const { chatservers, hashKey, heartbeat } = topology;
    this.#heartbeats.setSettings(heartbeat);
    this.#services = servicesOf(topology, balancer);
    const services = this.#options.queues ? this.#services : this.#services.map(withoutQueue);
    this.#pool.apply({ services, chatservers, hashKey });
    this.#setTargets();
  }

  /** The heartbeats know something new. */
  healthChanged(): void {
    this.#pool.refresh((key) => this.#heartbeats.health(key));
    this.#serveAll();
  }

  /** Time goes on: shares that grow are brought up to date. */
  tick(): void {
    const short = this.#pool.reviewPorts();
    this.#stats.portsFull += Math.max(0, short - this.#short);
    this.#short = short;
    if (this.#pool.reviewFull()) this.#options.onFullness();
    if (this.#pool.isWarming) this.#pool.refresh((key) => this.#heartbeats.health(key));
  }

  /** Takes the batch of the worker at `place`; returns pairs of request and upstream id (0: none) laid end to end. */
  answer(place: number, requests: readonly WorkerRequest[]): readonly number[] {
    const answers: number[] = [];
    for (const request of requests) {
      if (request[0] === 'pick') answers.push(request[1], this.#pick(place, request));
      else if (request[0] === 'room') this.#serve(request[1]);
      else if (request[0] === 'fullness') this.#options.onFullness();
      else if (request[0] === 'probe') this.#probe(request[1]);
      else if (request[0] === 'ports') this.#outOfPorts(request[1]);
      else if (!this.#pool.release(place, request[1])) this.#stats.badReleases++;
      else if (request[0] === 'failed') this.#probe(request[1]);
    }
    const asked = requests.some(([kind]) => kind === 'pick' || kind === 'release' || kind === 'failed');
    if (asked && this.#pool.reviewFull()) this.#options.onFullness();
    return answers;
  }

  workerGone(place: number): void {
    this.#pool.releaseAll(place);
    this.#serveAll();
  }

  /** Whether a new connection of the service would find a chat server, now or after waiting. */
  canTake(service: string): boolean {
    return this.#pool.canTake(service);
  }

  /** Whether a new connection of the service would be refused for want of room. */
  isFull(service: string): boolean {
    return this.#pool.isFull(service);
  }

  /** Clients that wait for a place, by service. */
  waiting(): ReadonlyMap<string, number> {
    return this.#pool.waiting();
  }

  /** What workers need to know: every upstream that may be picked or still has connections. */
  forWorkers(): readonly WorkerUpstream[] {
    return this.#pool
      .upstreams()
      .flatMap(({ upstream: { id, key, name, endpoint }, row }) =>
        row === undefined ? [] : { id, key, name, endpoint, row },
      );
  }

  /** Whose connections are to be ended; for their health nobody's while the fault may be on this side. */
  doomed(): readonly Doomed[] {
    const { heartbeats, wallMs = Date.now } = this.#options;
    const health = (key: string): TargetHealth | undefined =>
      heartbeats.suspectsItself ? undefined : heartbeats.health(key);
    return doomedUpstreams(this.#pool.upstreams(), health, this.#services, wallMs());
  }

  status(): readonly WatchedNode[] {
    return this.#pool
      .upstreams()
      .map((pooled) => watchedChatServer(pooled, this.#heartbeats.health(pooled.upstream.key)));
  }

  /** Forgets removed servers whose last connection has ended. */
  sweep(): void {
    if (this.#pool.sweep()) this.#setTargets();
  }

  close(): void {
    this.#heartbeats.close();
  }

  #pick(
    place: number,
    [, , service, host, port, tried]: Extract<WorkerRequest, readonly ['pick', ...unknown[]]>,
  ): number {
    const picked = this.#pool.pick(place, service, { host, port }, tried);
    this.#stats.picks++;
    if (picked === 'none') this.#stats.picksWithoutUpstream++;
    if (picked === 'full') this.#stats.refusedNoPlace++;
    return typeof picked === 'string' ? 0 : picked.id;
  }

  #outOfPorts(id: number): void {
    this.#stats.portsExhausted++;
    this.#pool.outOfPorts(id);
  }

  #setTargets(): void {
    this.#heartbeats.setTargets(heartbeatTargets(this.#pool.upstreams()));
    this.#pool.refresh((key) => this.#heartbeats.health(key));
  }

  /** Wakes whoever waits longest for each service. */
  #serveAll(): void {
    for (const service of this.#pool.waiting().keys()) this.#serve(service);
  }

  #serve(service: string): void {
    const place = this.#pool.oldestWaiting(service);
    if (place !== -1) this.#options.serve(place, service);
  }

  /** A client's connect failed: asks the server at once instead of at its next beat. */
  #probe(id: number): void {
    const pooled = this.#pool.upstreams().find(({ upstream }) => upstream.id === id);
    if (pooled !== undefined) this.#heartbeats.probeNow(pooled.upstream.key);
  }
}

function withoutQueue(service: Service): Service {
  return { ...service, balancing: { ...service.balancing, queue: { size: 0, timeoutMs: 0 } } };
}
