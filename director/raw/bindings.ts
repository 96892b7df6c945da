/** Which port of ours stands for which client towards a balancer: fullnat's other table. No sockets, no clock. */
import { keyText } from '../forward/index.ts';
import type { End } from './ends.ts';

/** Where a flow goes. */
export interface Route {
  /** keyText() of the flow's key. */
  readonly key: string;
  readonly client: End;
  readonly vip: End;
  /** The balancer's endpoint. */
  readonly balancer: End;
}

/** A flow and the port that stands for its client. */
export interface Binding extends Route {
  readonly port: number;
  /** Largest segments that each side takes; of the balancer known with its SYN-ACK. */
  mssToClient: number;
  mssToBalancer: number;
  /** Sequence number after the balancer's SYN-ACK, and after the last byte it has sent. */
  serverFirst: number | undefined;
  serverNext: number;
  /** Last acknowledgment number of the balancer. */
  serverAck: number | undefined;
  clientFin: boolean;
  /** Acknowledges a FIN of the client that lay too far ahead to be believed; undefined: there was none. */
  clientFinAck: number | undefined;
  serverFin: boolean;
  /** It cannot be evicted. */
  held: boolean;
  /** RST or both FINs were seen: it goes when its time has come, or when its port is needed. */
  ended: boolean;
  /** It should be held, and there was no room. */
  unheld: boolean;
  /** Tick of the last packet. */
  lastTick: number;
}

export interface BindingsOptions {
  /** One more port of ours, or undefined when there is none. Each is asked for once and kept. */
  readonly grow: () => number | undefined;
  /** How long a freed port rests while others are left: packets of its last flow may still be on the way. */
  readonly restTicks: number;
  /** An evictable flow made room for another one. */
  readonly onEvict: (binding: Binding) => void;
}

interface Freed {
  readonly port: number;
  readonly tick: number;
}

/** The ports in use towards one endpoint; the same port may stand for others towards other endpoints. */
interface Pool {
  readonly used: Map<number, Binding>;
  /** Least recently used first. */
  readonly evictable: Map<string, Binding>;
  /** Longest ago first. */
  readonly freed: Freed[];
  /** How many of all our ports it has been given so far. */
  given: number;
}

export class Bindings {
  readonly #options: BindingsOptions;
  /** Our ports, in the order they came. */
  readonly #ports: number[] = [];
  readonly #pools = new Map<string, Pool>();
  readonly #byKey = new Map<string, Binding>();

  constructor(options: BindingsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byKey.size;
  }

  find(key: string): Binding | undefined {
    return this.#byKey.get(key);
  }

  /** The flow that a packet from `balancer` to our `port` belongs to. */
  answer(balancer: End, port: number): Binding | undefined {
    return this.#pools.get(poolKey(balancer))?.used.get(port);
  }

  /** Binds a flow that is not bound yet; undefined when every port towards the endpoint stands for a flow that is held. */
  bind(route: Route, tick: number): Binding | undefined {
    const pool = this.#pool(route.balancer);
    const port = this.#take(pool, tick);
    if (port === undefined) return undefined;
    const binding: Binding = {
      ...route,
      port,
      mssToClient: 0,
      mssToBalancer: 0,
      serverFirst: undefined,
      serverNext: 0,
      serverAck: undefined,
      clientFin: false,
      clientFinAck: undefined,
      serverFin: false,
      held: false,
      ended: false,
      unheld: false,
      lastTick: tick,
    };
    pool.used.set(port, binding);
    pool.evictable.set(route.key, binding);
    this.#byKey.set(route.key, binding);
    return binding;
  }

  /** Notes a packet: those that are silent longest are evicted first. */
  touch(binding: Binding, tick: number): void {
    binding.lastTick = tick;
    if (binding.held) return;
    const { evictable } = this.#pool(binding.balancer);
    evictable.delete(binding.key);
    evictable.set(binding.key, binding);
  }

  /** Forbids or allows eviction. */
  hold(binding: Binding, held: boolean): void {
    binding.held = held;
    const { evictable } = this.#pool(binding.balancer);
    if (held) evictable.delete(binding.key);
    else evictable.set(binding.key, binding);
  }

  /** Frees the port of a flow, if it has one. */
  release(key: string, tick: number): void {
    const binding = this.#byKey.get(key);
    if (binding === undefined) return;
    const pool = this.#pool(binding.balancer);
    this.#byKey.delete(key);
    pool.used.delete(binding.port);
    pool.evictable.delete(key);
    pool.freed.push({ port: binding.port, tick });
  }

  /** Evictable flows, by endpoint, least recently used first. */
  *evictable(): Generator<Iterable<Binding>, void> {
    for (const pool of this.#pools.values()) yield pool.evictable.values();
  }

  /** Forgets endpoints towards which no port is in use, when the last one has rested. */
  tidy(tick: number): void {
    for (const [key, { used, freed }] of this.#pools) {
      const last = freed.at(-1);
      if (used.size === 0 && (last === undefined || elapsed(tick, last.tick) > this.#options.restTicks))
        this.#pools.delete(key);
    }
  }

  #pool(balancer: End): Pool {
    const key = poolKey(balancer);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = { used: new Map(), evictable: new Map(), freed: [], given: 0 };
      this.#pools.set(key, pool);
    }
    return pool;
  }

  #take(pool: Pool, tick: number): number | undefined {
    const rested = pool.freed[0];
    if (rested !== undefined && elapsed(tick, rested.tick) > this.#options.restTicks) pool.freed.shift();
    else {
      const fresh = this.#fresh(pool);
      if (fresh !== undefined) return fresh;
      const tired = pool.freed.shift();
      if (tired !== undefined) return tired.port;
      return this.#evict(pool, tick);
    }
    return rested.port;
  }

  #fresh(pool: Pool): number | undefined {
    if (pool.given === this.#ports.length) {
      const port = this.#options.grow();
      if (port === undefined) return undefined;
      this.#ports.push(port);
    }
    return this.#ports[pool.given++];
  }

  #evict(pool: Pool, tick: number): number | undefined {
    const [first] = pool.evictable.values();
    if (first === undefined) return undefined;
    this.release(first.key, tick);
    this.#options.onEvict(first);
    return pool.freed.pop()!.port;
  }
}

function poolKey({ address, port }: End): string {
  return `${keyText(address)}/${port}`;
}

/** Ticks wrap. */
export function elapsed(tick: number, since: number): number {
  return (tick - since) | 0;
}
