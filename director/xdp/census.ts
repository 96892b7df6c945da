/**
 * A walk over both flow tables that lets others run between its steps: how many flows of whom there are, and which
 * ones have to be looked after.
 */
import { FlowState, flowKeyLayout, flowLayout, Mode, type FlowEntry } from '../forward/index.ts';
import { decodeFlow } from './encode.ts';
import type { DataPathMaps } from './data-path.ts';

/** Most keys that one walk collects for one purpose; the next walk finds the rest. */
export const mostCollected = 65_536;

/** How a walk treats flows. */
export interface CensusRule {
  /** Now, in ticks. */
  readonly tick: number;
  /** A flow that nobody confirmed and that was silent for longer does not count as live. */
  readonly liveTicks: number;
  /** A closing flow of a balancer that cannot disown it is evictable after this silence. */
  readonly closingTicks: number;
  /** An opening flow may become one for so long after its last packet: nothing that it refers to goes. */
  readonly openingTicks: number;
  /** Whether this balancer confirms and disowns its connections itself. */
  readonly speaksForItself: (balancer: number) => boolean;
  /** Whether the index is free but for its flows: entries that refer to it are collected. */
  readonly isLeaving: (balancer: number) => boolean;
  readonly isLeavingService: (service: number) => boolean;
  /** Whether a client is still connected through the proxy; only asked for flows of that mode. */
  readonly isProxied: (service: number, key: Uint8Array) => boolean;
}

export interface Collected {
  readonly key: Uint8Array;
  readonly entry: FlowEntry;
}

export interface Census {
  /** Entries of the table that evicts nothing. */
  readonly confirmed: number;
  readonly unconfirmed: number;
  /** Live flows by index: confirmed ones, and others that are established and not silent for long. */
  readonly byBalancer: ReadonlyMap<number, number>;
  readonly byService: ReadonlyMap<number, number>;
  /** Proxied flows among the confirmed. */
  readonly proxied: number;
  /** Established, of balancers that cannot confirm. */
  readonly promotable: readonly Collected[];
  /** Confirmed and closing, silent, of balancers that cannot disown. */
  readonly demotable: readonly Collected[];
  /** Proxied flows whose connection has ended. */
  readonly unproxied: readonly Uint8Array[];
  /** Not live, of indices that are leaving: evictable ones, and confirmed ones. */
  readonly leftover: {
    readonly unconfirmed: readonly Uint8Array[];
    readonly confirmed: readonly Uint8Array[];
  };
  /** Flows of indices that are leaving whose handshake may be under way. */
  readonly young: number;
}

/**
 * Takes a census; `pause` lets others run. A hash that changes meanwhile may show an entry twice, and one that is confirmed
 * meanwhile is counted in both: the evictable ones come first, so that none is missed.
 */
export async function takeCensus(
  maps: Pick<DataPathMaps, 'flows' | 'flows_new'>,
  rule: CensusRule,
  pause: () => Promise<void>,
): Promise<Census> {
  const counter = new Counter(rule);
  for (const batch of maps.flows_new.batch.read()) {
    counter.add(batch, false);
    await pause();
  }
  for (const batch of maps.flows.batch.read()) {
    counter.add(batch, true);
    await pause();
  }
  return counter.census;
}

/** Takes a census at once: before anything else runs. */
export function takeCensusNow(maps: Pick<DataPathMaps, 'flows' | 'flows_new'>, rule: CensusRule): Census {
  const counter = new Counter(rule);
  for (const batch of maps.flows.batch.read()) counter.add(batch, true);
  for (const batch of maps.flows_new.batch.read()) counter.add(batch, false);
  return counter.census;
}

interface FlowBatch {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

class Counter {
  readonly census = {
    confirmed: 0,
    unconfirmed: 0,
    proxied: 0,
    byBalancer: new Map<number, number>(),
    byService: new Map<number, number>(),
    promotable: [] as Collected[],
    demotable: [] as Collected[],
    unproxied: [] as Uint8Array[],
    leftover: { unconfirmed: [] as Uint8Array[], confirmed: [] as Uint8Array[] },
    young: 0,
  };
  readonly #rule: CensusRule;

  constructor(rule: CensusRule) {
    this.#rule = rule;
  }

  add({ count, keys, values }: FlowBatch, confirmed: boolean): void {
    if (confirmed) this.census.confirmed += count;
    else this.census.unconfirmed += count;
    for (let index = 0; index < count; index++) {
      const entry = decodeFlow(values, index * flowLayout.size);
      this.#one(keys, index * flowKeyLayout.size, entry, confirmed);
    }
  }

  #one(keys: Uint8Array, at: number, entry: FlowEntry, confirmed: boolean): void {
    const { census } = this;
    const rule = this.#rule;
    const { balancer, state } = entry;
    const service = flowKeyLayout.get(keys, 'service', at);
    const keep = (list: Uint8Array[]): void => {
      if (list.length < mostCollected) list.push(keys.slice(at, at + flowKeyLayout.size));
    };
    if (entry.mode === Mode.Proxy) {
      // The proxy counts its own connections.
      if (confirmed) census.proxied++;
      if (confirmed && !rule.isProxied(service, keys.subarray(at, at + flowKeyLayout.size)))
        keep(census.unproxied);
      return;
    }
    const silence = silentTicks(rule.tick, entry.lastSeen);
    const speaks = rule.speaksForItself(balancer);
    const isClosed = state === FlowState.Closing && silence > rule.closingTicks && !speaks;
    const live = confirmed ? !isClosed : state === FlowState.Established && silence <= rule.liveTicks;
    if (live) {
      add(census.byBalancer, balancer);
      add(census.byService, service);
    } else if (rule.isLeaving(balancer) || rule.isLeavingService(service)) {
      if (state === FlowState.Opening && silence <= rule.openingTicks) census.young++;
      else keep(confirmed ? census.leftover.confirmed : census.leftover.unconfirmed);
    }
    const collect = (list: Collected[]): void => {
      if (list.length < mostCollected) list.push({ key: keys.slice(at, at + flowKeyLayout.size), entry });
    };
    if (confirmed && isClosed) collect(census.demotable);
    if (!confirmed && live && !speaks) collect(census.promotable);
  }
}

function add(counts: Map<number, number>, index: number): void {
  counts.set(index, (counts.get(index) ?? 0) + 1);
}

/** Ticks wrap. A date just ahead is no silence at all. */
function silentTicks(tick: number, lastSeen: number): number {
  const silence = (tick - lastSeen) >>> 0;
  return silence > 0x8000_0000 ? 0 : silence;
}
