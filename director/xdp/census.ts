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
  /** A proxied flow that the proxy does not have is over after this silence: until then it may not have accepted it yet. */
  readonly proxyTicks: number;
  /** A flow that closes, or opened again and nothing came of it, is over after this silence if its balancer cannot disown it. */
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
  /** Whether new connections of the service go through the proxy. */
  readonly isInProxy: (service: number) => boolean;
}

export interface Collected {
  readonly key: Uint8Array;
  readonly entry: FlowEntry;
}

export interface Census {
  /** Entries of the table that evicts nothing. */
  readonly confirmed: number;
  readonly unconfirmed: number;
  /** Live flows by index: confirmed ones, and others that are established or half-closed and not silent for long. */
  readonly byBalancer: ReadonlyMap<number, number>;
  readonly byService: ReadonlyMap<number, number>;
  /** Proxied flows among the confirmed. */
  readonly proxied: number;
  /** Established and live, of balancers that cannot confirm. */
  readonly promotable: readonly Collected[];
  /** Confirmed and over, of balancers that cannot disown. */
  readonly demotable: readonly Collected[];
  /** Proxied flows whose connection has ended, or never began. */
  readonly unproxied: readonly Collected[];
  /** Proxied flows that nobody confirmed, of services whose other clients go another way now. */
  readonly proxiable: readonly Uint8Array[];
  /** Not confirmed in all the time since their last packet, of balancers that would have. */
  readonly stale: readonly Collected[];
  /** Not live, of indices that are leaving: evictable ones, and confirmed ones. */
  readonly leftover: {
    readonly unconfirmed: readonly Collected[];
    readonly confirmed: readonly Collected[];
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
    unproxied: [] as Collected[],
    proxiable: [] as Uint8Array[],
    stale: [] as Collected[],
    leftover: { unconfirmed: [] as Collected[], confirmed: [] as Collected[] },
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
    const collect = (list: Collected[]): void => {
      if (list.length >= mostCollected) return;
      const { clientMac } = entry;
      // The batch is reused by the next one, and the MAC address is a view of it.
      const own = clientMac === undefined ? entry : { ...entry, clientMac: clientMac.slice() };
      list.push({ key: keys.slice(at, at + flowKeyLayout.size), entry: own });
    };
    const silence = silentTicks(rule.tick, entry.lastSeen);
    if (entry.mode === Mode.Proxy) {
      // The proxy counts its own connections.
      if (confirmed) census.proxied++;
      const lives = rule.isProxied(service, keys.subarray(at, at + flowKeyLayout.size));
      if (confirmed ? !lives : !lives && state !== FlowState.Closing && silence > rule.proxyTicks)
        collect(census.unproxied);
      if (!confirmed && lives && !rule.isInProxy(service)) keep(census.proxiable);
      return;
    }
    const speaks = rule.speaksForItself(balancer);
    const isClosed = state !== FlowState.Established && silence > rule.closingTicks && !speaks;
    const isEstablished = state === FlowState.Established && silence <= rule.liveTicks;
    // Half-closed for all that is known: its balancer does not say when the other half ends.
    const isHalfClosed = state === FlowState.Closing && !speaks && !isClosed;
    const live = confirmed ? !isClosed : isEstablished || isHalfClosed;
    if (live) {
      add(census.byBalancer, balancer);
      add(census.byService, service);
    } else if (rule.isLeaving(balancer) || rule.isLeavingService(service)) {
      if (state === FlowState.Opening && silence <= rule.openingTicks) census.young++;
      else collect(confirmed ? census.leftover.confirmed : census.leftover.unconfirmed);
    }
    if (!confirmed && !live && state === FlowState.Established && speaks) collect(census.stale);
    if (confirmed && isClosed) collect(census.demotable);
    if (!confirmed && isEstablished && !speaks) collect(census.promotable);
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
