import { formatEndpoint, type Endpoint } from '../lib/address/index.ts';
import type { TargetHealth } from '../lib/heartbeat/index.ts';
import type { ChatServer, Service } from '../topology/index.ts';
import { availabilityOf, type Availability } from './availability.ts';
import { ConnectionCounts } from './connection-counts.ts';
import { createScheduler } from './create-scheduler.ts';
import { PortBudget } from './port-budget.ts';
import type { Scheduler } from './scheduler.ts';
import type { Excluded, Upstream } from './upstream.ts';

/** What the pool needs of a topology. */
export interface PoolTopology {
  /** The services of this balancer. */
  readonly services: readonly Pick<Service, 'name' | 'balancing' | 'chatservers'>[];
  readonly chatservers: readonly ChatServer[];
  readonly hashKey: string;
}

/** An upstream with what the status and the heartbeats want to know of it. */
export interface PooledUpstream {
  readonly upstream: Upstream;
  /** As configured last. */
  readonly chatserver: ChatServer;
  /** Drained by the topology or removed from it. */
  readonly draining: boolean;
  readonly removed: boolean;
  readonly connections: number;
}

interface Entry {
  upstream: Upstream;
  chatserver: ChatServer;
  removed: boolean;
}

interface Rota {
  readonly scheduler: Scheduler;
  readonly available: Map<number, Availability>;
}

/** `name@host:port`, the identity of a chat server. */
export function upstreamKey({ name, address }: Pick<ChatServer, 'name' | 'address'>): string {
  return `${name}@${formatEndpoint(address)}`;
}

/**
 * The chat servers of a node's services, the connections each has from all workers, and whose turn it is. Decides only;
 * it is told of picks, releases, workers that ended, topologies and health, and does nothing by itself.
 */
export class UpstreamPool {
  readonly #random: () => number;
  readonly #counts = new ConnectionCounts();
  readonly #entries = new Map<string, Entry>();
  #rotas = new Map<string, Rota>();
  #health: (key: string) => TargetHealth | undefined = () => undefined;
  #nextId = 1;
  /** Picks that passed over a server because no source port is left towards it. */
  picksShortOfPorts = 0;
  readonly ports: PortBudget;

  /** `random` is uniform in [0, 1). */
  constructor(random: () => number, ports: PortBudget = new PortBudget(() => 0)) {
    this.#random = random;
    this.ports = ports;
  }

  /** Takes over a topology. Counts and the schedulers' sequences go on; servers that vanished get nothing new. */
  apply(topology: PoolTopology): void {
    const wanted = new Set(topology.services.flatMap(({ chatservers }) => chatservers));
    for (const entry of this.#entries.values()) entry.removed = true;
    for (const chatserver of topology.chatservers) {
      if (wanted.has(chatserver.name)) this.#enter(chatserver);
    }
    const old = this.#rotas;
    this.#rotas = new Map(
      topology.services.map((service) => {
        const scheduler = createScheduler(service.balancing.algorithm, {
          upstreams: this.#candidates(service.chatservers),
          memory: old.get(service.name)?.scheduler.memory(),
          random: this.#random,
          hashKey: topology.hashKey,
        });
        return [service.name, { scheduler, available: new Map() }];
      }),
    );
    this.sweep();
    this.refresh(this.#health);
  }

  /** Takes over what the heartbeats know. */
  refresh(health: (key: string) => TargetHealth | undefined): void {
    this.#health = health;
    for (const [service, { scheduler, available }] of this.#rotas) {
      for (const { id, key } of scheduler.upstreams) available.set(id, availabilityOf(health(key), service));
    }
  }

  /**
   * The chat server of a new connection, with a place on it held for the worker until `release`. Null when none can
   * take it. `tried` are the ids that failed for this connection.
   */
  pick(worker: number, service: string, client: Endpoint, tried: readonly number[]): Upstream | null {
    const rota = this.#rotas.get(service);
    if (rota === undefined) return null;
    const { scheduler, available } = rota;
    let passedOver = false;
    const barredUnless =
      (...levels: Availability[]): Excluded =>
      ({ id }) => {
        if (tried.includes(id) || !levels.includes(available.get(id) ?? 'none')) return true;
        const isFull = this.#hasNoPort(id);
        passedOver ||= isFull;
        return isFull;
      };
    const loads = ({ id }: Upstream): number => this.#counts.total(id);
    const picked =
      scheduler.pick(client, loads, barredUnless('preferred')) ??
      scheduler.pick(client, loads, barredUnless('reluctant'));
    if (picked !== null) this.#counts.hold(worker, picked.id);
    if (passedOver) this.picksShortOfPorts++;
    return picked;
  }

  /** Gives a place back. False when the worker held none. */
  release(worker: number, upstream: number): boolean {
    return this.#counts.release(worker, upstream);
  }

  /** Gives a place back whose connect found no source port. False when the worker held none. */
  outOfPorts(worker: number, upstream: number): boolean {
    if (!this.release(worker, upstream)) return false;
    this.ports.ranOut(upstream, this.#counts.total(upstream));
    return true;
  }

  /** Whether servers could take a new connection of the service, and to none of them a source port is left. */
  isShortOfPorts(service: string): boolean {
    const living = [...(this.#rotas.get(service)?.available ?? [])].filter(([, level]) => level !== 'none');
    return living.length > 0 && living.every(([id]) => this.#hasNoPort(id));
  }

  /** Gives back all places of a worker that ended. */
  releaseAll(worker: number): void {
    this.#counts.releaseAll(worker);
  }

  /** Whether a new connection of the service would find a chat server. */
  canTake(service: string): boolean {
    return [...(this.#rotas.get(service)?.available.values() ?? [])].some((level) => level !== 'none');
  }

  /** Forgets removed servers whose last connection has ended; whether there were any. */
  sweep(): boolean {
    let forgot = false;
    for (const [key, { upstream, removed }] of this.#entries) {
      if (removed && this.#counts.total(upstream.id) === 0) forgot = this.#entries.delete(key) || forgot;
    }
    return forgot;
  }

  /** Present servers in the order of the file as first seen, and removed ones that still have connections. */
  upstreams(): readonly PooledUpstream[] {
    return [...this.#entries.values()].map(({ upstream, chatserver, removed }) => ({
      upstream,
      chatserver,
      removed,
      draining: removed || chatserver.state === 'drain',
      connections: this.#counts.total(upstream.id),
    }));
  }

  /** Connections a worker holds, by upstream id. */
  heldBy(worker: number): ReadonlyMap<number, number> {
    return this.#counts.ofWorker(worker);
  }

  #hasNoPort(id: number): boolean {
    return this.ports.isFull(id, this.#counts.total(id));
  }

  #enter(chatserver: ChatServer): void {
    const key = upstreamKey(chatserver);
    const { name, address: endpoint, weight } = chatserver;
    const id = this.#entries.get(key)?.upstream.id ?? this.#nextId++;
    this.#entries.set(key, { upstream: { id, key, name, endpoint, weight }, chatserver, removed: false });
  }

  /** The upstreams a service may send new connections to when they are well, in the order of its list. */
  #candidates(names: readonly string[]): Upstream[] {
    const byName = new Map<string, Upstream>();
    for (const { upstream, chatserver, removed } of this.#entries.values()) {
      if (!removed && chatserver.state === 'active' && chatserver.weight > 0)
        byName.set(chatserver.name, upstream);
    }
    return names.flatMap((name) => byName.get(name) ?? []);
  }
}
