/** Looks after the flow tables at intervals: counts them, warns, and makes room where nobody else can. */
import type { Logger } from 'pino';
import type { Clock, Timer } from '../../lib/clock/index.ts';
import { describeError } from '../../lib/errors/index.ts';
import type { FlowSettings } from '../../topology/index.ts';
import { FlowState, proxyOwner, tickShift, type FlowEntry } from '../forward/index.ts';
import { takeCensus, takeCensusNow, type Census, type CensusRule, type Collected } from './census.ts';
import { confirmFlows, disownFlows, type FlowTables } from './confirm.ts';
import type { DataPathMaps } from './data-path.ts';
import { decodeFlow } from './encode.ts';
import type { Capacity } from './maps.ts';
import { reclaimFlows } from './sweep.ts';

/** Least time between the end of one walk and the next. */
const restMs = 1_000;
/** A walk takes at most this part of the time. */
const restPerWalk = 19;
/** Fill from which an alarm is given, from which nothing is promoted and silent flows go, and at which there is no room. */
const fills = { alarm: 0.8, reclaim: 0.9, full: 0.98 } as const;
const alarmEveryMs = 600_000;
/** An unconfirmed flow counts as live for so long after its last packet. */
const liveMs = 60_000;
/** Longer than a proxy takes to accept a connection. */
const proxyMs = 1_000;
/** A handshake may take so long after its last packet. */
const openingMs = 10_000;
/** A closing flow of a balancer that cannot disown it is kept from eviction for so long after its last packet. */
const closingMs = 60_000;

export interface KeeperCounters {
  /** Flows of balancers that cannot confirm, kept from eviction. Expected with those. */
  flowsPromoted: number;
  /** Flows forgotten to make room, of balancers that cannot disown. Only when the table is nearly full. */
  flowsReclaimed: number;
  /** Times that the table was found nearly full. Not expected. */
  flowAlarms: number;
}

export interface FlowKeeperOptions {
  readonly path: FlowTables & {
    readonly capacity: Pick<Capacity, 'flows'>;
    setRefuseNew(refuse: boolean): void;
  };
  readonly settings: () => FlowSettings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tick: () => number;
  /** Lets others run between the steps of a walk. */
  readonly pause: () => Promise<void>;
  readonly rule: () => Omit<
    CensusRule,
    'tick' | 'liveTicks' | 'closingTicks' | 'openingTicks' | 'proxyTicks'
  >;
  /** A walk is finished that began at `beganMs`. */
  readonly onCensus: (census: Census, beganMs: number) => void;
}

/** Milliseconds as ticks. */
function ticksOf(ms: number): number {
  return Math.floor((ms * 1e6) / 2 ** tickShift);
}

export class FlowKeeper {
  readonly counters: KeeperCounters = { flowsPromoted: 0, flowsReclaimed: 0, flowAlarms: 0 };
  readonly #options: FlowKeeperOptions;
  readonly #startedMs: number;
  #census: Census;
  #beganMs: number;
  #timer: Timer | undefined;
  #alarmedMs = -Infinity;
  #closed = false;

  /** Counts what is there at once, and again at intervals. */
  constructor(options: FlowKeeperOptions) {
    this.#options = options;
    this.#startedMs = options.clock.now();
    this.#beganMs = this.#startedMs;
    this.#census = takeCensusNow(options.path.maps, this.#rule());
    this.#next(0);
  }

  /** The last finished one. */
  get census(): Census {
    return this.#census;
  }

  /** When the last finished one began. */
  get beganMs(): number {
    return this.#beganMs;
  }

  /** Part of the table of confirmed flows that is taken, 0 to 1. */
  get fill(): number {
    return this.#census.confirmed / this.#options.path.capacity.flows;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #rule(): CensusRule {
    const { rule, tick, clock } = this.#options;
    const ageMs = clock.now() - this.#startedMs;
    // Nobody dates packets while no process runs, so until this one is old enough nothing is known to be silent for so long.
    const silenceOf = (ms: number): number => (ageMs <= ms ? Infinity : ticksOf(ms));
    return {
      ...rule(),
      tick: tick(),
      liveTicks: silenceOf(liveMs),
      closingTicks: silenceOf(closingMs),
      openingTicks: silenceOf(openingMs),
      proxyTicks: ticksOf(proxyMs),
    };
  }

  #next(walkMs: number): void {
    if (this.#closed) return;
    const { clock } = this.#options;
    this.#timer = clock.after(Math.max(restMs, walkMs * restPerWalk), () => void this.#walk(), true);
  }

  /** Never throws: what fails is logged, and the next walk tries again. */
  async #walk(): Promise<void> {
    const { path, clock, log, pause, onCensus } = this.#options;
    const beganMs = clock.now();
    try {
      const census = await takeCensus(path.maps, this.#rule(), async () => {
        await pause();
        if (this.#closed) throw new Closed();
      });
      this.#census = census;
      this.#beganMs = beganMs;
      this.#makeRoom(census);
      onCensus(census, beganMs);
    } catch (error) {
      if (error instanceof Closed) return;
      log.error(`looking after the flow table failed: ${describeError(error)}`);
    }
    this.#next(clock.now() - beganMs);
  }

  #makeRoom(census: Census): void {
    const { path, settings, tick } = this.#options;
    const { maps } = path;
    // Who was reset has said nothing more, so no packet told of the end; and a SYN that nobody took never had one.
    const refused = census.unproxied.filter(({ entry }) => entry.state === FlowState.Opening);
    disownFlows(
      path,
      proxyOwner,
      census.unproxied.map(({ key }) => key),
    );
    forget(maps.flows_new, refused);
    confirmFlows(path, proxyOwner, census.proxiable, tick());
    for (const own of byOwner(census.stale))
      disownFlows(
        path,
        own[0]!.entry,
        own.map(({ key }) => key),
      );
    // What was confirmed meanwhile has left the first and is none of the second.
    forget(maps.flows_new, census.leftover.unconfirmed);
    forget(maps.flows, census.leftover.confirmed);
    this.#demote(census.demotable);
    if (this.fill < fills.reclaim) this.#promote(census.promotable, tick());
    this.#alarm();
    path.setRefuseNew(settings().onFull === 'refuse' && this.fill >= fills.full);
    if (this.fill > fills.reclaim) this.#reclaim();
  }

  /** What cannot be told to have ended for sure becomes evictable. First there, then gone here: packets look in this order. */
  #demote(flows: readonly Collected[]): void {
    const { maps } = this.#options.path;
    for (const { key, entry } of flows) {
      const value = maps.flows.peek(key);
      // It may be in use again since the walk.
      if (value === undefined || !isUntouched(decodeFlow(value), entry)) continue;
      maps.flows_new.update(key, value);
      maps.flows.delete(key);
    }
  }

  #promote(flows: readonly Collected[], tick: number): void {
    for (const own of byOwner(flows)) {
      const keys = own.map(({ key }) => key);
      this.counters.flowsPromoted += confirmFlows(this.#options.path, own[0]!.entry, keys, tick).moved;
    }
  }

  #reclaim(): void {
    const { path, settings, clock, tick, rule } = this.#options;
    const { idleMs } = settings();
    // Until then silence may be that of this process, which dates the packets.
    if (clock.now() - this.#startedMs < idleMs) return;
    const { speaksForItself } = rule();
    this.counters.flowsReclaimed += reclaimFlows(path, {
      aboveFill: fills.reclaim,
      idleTicks: ticksOf(idleMs),
      tick: tick(),
      mayReclaim: (balancer) => !speaksForItself(balancer),
    });
  }

  #alarm(): void {
    const { clock, log, path } = this.#options;
    if (this.fill < fills.alarm || clock.now() - this.#alarmedMs < alarmEveryMs) return;
    this.#alarmedMs = clock.now();
    this.counters.flowAlarms++;
    const { confirmed } = this.#census;
    log.warn(
      { confirmed, capacity: path.capacity.flows },
      `the flow table is ${Math.floor(this.fill * 100)} % full: beyond it new connections are not sure to stay; raise flows.capacity`,
    );
  }
}

/** Whether no packet came since the walk. */
function isUntouched(now: FlowEntry, seen: FlowEntry): boolean {
  return now.state === seen.state && now.lastSeen === seen.lastSeen;
}

/** Removes what is still as the walk saw it: a client may be back with the same port since. */
function forget(map: DataPathMaps['flows'], flows: readonly Collected[]): void {
  const same = flows.filter(({ key, entry }) => {
    const value = map.peek(key);
    if (value === undefined) return false;
    const { balancer, generation, mode, state } = decodeFlow(value);
    const isSameOwner = balancer === entry.balancer && generation === entry.generation && mode === entry.mode;
    return isSameOwner && state === entry.state;
  });
  map.batch.delete(Uint8Array.from(Buffer.concat(same.map(({ key }) => key))));
}

/** By balancer, its generation and the mode. */
function byOwner(flows: readonly Collected[]): Iterable<readonly Collected[]> {
  const owners = new Map<string, Collected[]>();
  for (const flow of flows) {
    const { balancer, generation, mode } = flow.entry;
    const name = `${balancer} ${generation} ${mode}`;
    const own = owners.get(name);
    if (own === undefined) owners.set(name, [flow]);
    else own.push(flow);
  }
  return owners.values();
}

/** The keeper was closed during a walk. */
class Closed extends Error {}
