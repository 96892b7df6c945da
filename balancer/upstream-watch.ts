import type { Heartbeats } from '../lib/heartbeat/index.ts';
import type { WatchedNode } from '../node/index.ts';
import { isDrainOver, type Topology } from '../topology/index.ts';
import { watchedChatServer } from './balancer-status.ts';
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
}

export interface UpstreamWatchOptions {
  readonly heartbeats: Heartbeats;
  readonly random: () => number;
  /** Milliseconds since 1970; default: the machine's. */
  readonly wallMs?: () => number;
}

/** The chat servers: keeps the upstream pool and the heartbeats in step, and answers the workers out of both. */
export class UpstreamWatch {
  readonly stats: WatchStats = { picks: 0, picksWithoutUpstream: 0, badReleases: 0 };
  readonly #pool: UpstreamPool;
  readonly #heartbeats: Heartbeats;

  readonly #wallMs: () => number;

  constructor({ heartbeats, random, wallMs = Date.now }: UpstreamWatchOptions) {
    this.#heartbeats = heartbeats;
    this.#wallMs = wallMs;
    this.#pool = new UpstreamPool(random);
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
        this.stats.picks++;
        if (picked === null) this.stats.picksWithoutUpstream++;
        answers.push(number, picked?.id ?? 0);
        continue;
      }
      const [kind, id] = request;
      if (!this.#pool.release(worker, id)) this.stats.badReleases++;
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

  /** What workers need to know: every upstream that may be picked or still has connections. */
  forWorkers(): readonly WorkerUpstream[] {
    return this.#pool
      .upstreams()
      .map(({ upstream: { id, key, name, endpoint } }) => ({ id, key, name, endpoint }));
  }

  /**
   * Keys of servers whose connections are to be ended: dead ones, unless the fault may be on this side, and those whose
   * draining has reached its deadline.
   */
  dead(): readonly string[] {
    const suspects = this.#heartbeats.suspectsItself;
    const wallMs = this.#wallMs();
    return this.#pool
      .upstreams()
      .filter(
        ({ upstream, chatserver, removed, connections }) =>
          connections > 0 &&
          ((!suspects && this.#heartbeats.health(upstream.key)?.dead) ||
            (!removed && isDrainOver(chatserver, wallMs))),
      )
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
