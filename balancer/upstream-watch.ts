import type { Heartbeats } from '../lib/heartbeat/index.ts';
import type { WatchedNode } from '../node/index.ts';
import type { Topology } from '../topology/index.ts';
import { watchedChatServer } from './balancer-status.ts';
import { PortBudget } from './port-budget.ts';
import { UpstreamPool } from './upstream-pool.ts';
import { heartbeatTargets } from './upstream-targets.ts';
import type { PickRequest, WorkerUpstream } from './worker-protocol.ts';
import { servicesOf } from './worker-services.ts';

/** Each counts from start. */
export interface WatchStats {
  /** Times a worker asked for a chat server. Expected. */
  picks: number;
  /** Of these, how often there was none. Not expected. */
  picksWithoutUpstream: number;
  /** Releases of a place that nobody held. Not expected. */
  badReleases: number;
  /** Connects that found no source port towards their chat server. Not expected. */
  portsExhausted: number;
}

export interface UpstreamWatchOptions {
  readonly heartbeats: Heartbeats;
  readonly random: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** The chat servers: keeps the upstream pool and the heartbeats in step, and answers the workers out of both. */
export class UpstreamWatch {
  readonly #stats: WatchStats = { picks: 0, picksWithoutUpstream: 0, badReleases: 0, portsExhausted: 0 };
  readonly #pool: UpstreamPool;
  readonly #heartbeats: Heartbeats;

  constructor({ heartbeats, random, now }: UpstreamWatchOptions) {
    this.#heartbeats = heartbeats;
    this.#pool = new UpstreamPool(random, new PortBudget(now));
  }

  /** `picksShortOfPorts`: picks that passed over a server because no source port is left towards it. Not expected. */
  get stats(): Readonly<WatchStats & { picksShortOfPorts: number }> {
    return { ...this.#stats, picksShortOfPorts: this.#pool.picksShortOfPorts };
  }

  /** Addresses connections come from (0: one of the kernel's choice), and the ephemeral ports of each. */
  setPorts(sources: number, ports: number | undefined): void {
    this.#pool.ports.set(sources, ports);
  }

  /** Connections this node can have to one chat server; Infinity: not known. */
  get mostPerServer(): number {
    return this.#pool.ports.most;
  }

  apply(topology: Topology, balancer: string): void {
    const { chatservers, hashKey, heartbeat } = topology;
    this.#heartbeats.setSettings(heartbeat);
    this.#pool.apply({ services: servicesOf(topology, balancer), chatservers, hashKey });
    this.#setTargets();
  }

  /** The heartbeats know something new. */
  healthChanged(): void {
    this.#pool.refresh((key) => this.#heartbeats.health(key));
  }

  /** Takes a worker's batch; returns pairs of request and upstream id (0: none) laid end to end. */
  answer(worker: number, requests: readonly PickRequest[]): readonly number[] {
    const answers: number[] = [];
    for (const request of requests) {
      if (request[0] === 'pick') {
        const [, number, service, host, port, tried] = request;
        const picked = this.#pool.pick(worker, service, { host, port }, tried);
        this.#stats.picks++;
        if (picked === null) this.#stats.picksWithoutUpstream++;
        answers.push(number, picked?.id ?? 0);
        continue;
      }
      const [kind, id] = request;
      if (kind === 'ports') this.#stats.portsExhausted++;
      const held = kind === 'ports' ? this.#pool.outOfPorts(worker, id) : this.#pool.release(worker, id);
      if (!held) this.#stats.badReleases++;
      else if (kind === 'failed') this.#probe(id);
    }
    return answers;
  }

  workerGone(worker: number): void {
    this.#pool.releaseAll(worker);
  }

  /** Whether a new connection of the service would find a chat server. */
  canTake(service: string): boolean {
    return this.#pool.canTake(service);
  }

  /** Whether it would, but for source ports. */
  isShortOfPorts(service: string): boolean {
    return this.#pool.isShortOfPorts(service);
  }

  /** What workers need to know: every upstream that may be picked or still has connections. */
  forWorkers(): readonly WorkerUpstream[] {
    return this.#pool
      .upstreams()
      .map(({ upstream: { id, key, name, endpoint } }) => ({ id, key, name, endpoint }));
  }

  /** Keys of dead servers whose connections are to be ended; none while the fault may be on this side. */
  dead(): readonly string[] {
    if (this.#heartbeats.suspectsItself) return [];
    return this.#pool
      .upstreams()
      .filter(({ upstream, connections }) => connections > 0 && this.#heartbeats.health(upstream.key)?.dead)
      .map(({ upstream }) => upstream.key);
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

  #setTargets(): void {
    this.#heartbeats.setTargets(heartbeatTargets(this.#pool.upstreams()));
    this.#pool.refresh((key) => this.#heartbeats.health(key));
  }

  /** A client's connect failed: asks the server at once instead of at its next beat. */
  #probe(id: number): void {
    const pooled = this.#pool.upstreams().find(({ upstream }) => upstream.id === id);
    if (pooled !== undefined) this.#heartbeats.probeNow(pooled.upstream.key);
  }
}
