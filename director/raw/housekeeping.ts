/** Which flows of the raw plane have outlived themselves, or need a word for them. Pure: names are answered, nothing is changed. */
import { FlowState, Mode, type FlowEntry } from '../forward/index.ts';
import { elapsed, type Bindings } from './bindings.ts';
import type { Flows } from './flows.ts';

/** Flows that are opening or have ended, and silent for longer than `lingerTicks`. */
export function outlived(
  flows: Pick<Flows, 'unconfirmed'>,
  bindings: Pick<Bindings, 'find'>,
  tick: number,
  lingerTicks: number,
): readonly string[] {
  const found: string[] = [];
  // Least recently used first: behind one that is still young all are.
  for (const [key, entry] of flows.unconfirmed) {
    if (elapsed(tick, lastTickOf(key, entry, bindings)) <= lingerTicks) break;
    if (entry.state !== FlowState.Established) found.push(key);
  }
  return found;
}

/** Part of the table of confirmed flows from which nothing is promoted, and silent flows go. */
const fullFill = 0.9;

/**
 * Flows in tun to confirm for balancers that cannot: established ones, not silent for longer than `lingerTicks`, as many as
 * there is room for below 90 % of the capacity.
 */
export function promotable(
  flows: Pick<Flows, 'confirmed' | 'unconfirmed'>,
  foreign: ReadonlySet<number>,
  capacity: number,
  tick: number,
  lingerTicks: number,
): readonly string[] {
  if (foreign.size === 0) return [];
  const found = [...flows.unconfirmed].flatMap(([key, entry]) => {
    const isLive = entry.state === FlowState.Established && elapsed(tick, entry.lastSeen) <= lingerTicks;
    return isLive && isTunOf(foreign, entry) ? [key] : [];
  });
  return found.slice(0, Math.max(0, Math.floor(capacity * fullFill) - flows.confirmed.size));
}

/** Confirmed flows in tun of balancers that cannot disown them, which close and were silent for longer than `lingerTicks`. */
export function demotable(
  flows: Pick<Flows, 'confirmed'>,
  foreign: ReadonlySet<number>,
  tick: number,
  lingerTicks: number,
): readonly string[] {
  if (foreign.size === 0) return [];
  return [...flows.confirmed].flatMap(([key, entry]) => {
    const isOver = entry.state !== FlowState.Established && elapsed(tick, entry.lastSeen) > lingerTicks;
    return isOver && isTunOf(foreign, entry) ? [key] : [];
  });
}

function isTunOf(balancers: ReadonlySet<number>, { mode, balancer }: FlowEntry): boolean {
  return mode === Mode.Tun && balancers.has(balancer);
}

/**
 * Confirmed flows that were silent for longer than `idleTicks`, the longest silent first, as many as are above 90 % of the
 * capacity. A living fullnat connection is never that silent: its balancer's keepalive passes here.
 */
export function reclaimable(
  flows: Pick<Flows, 'confirmed'>,
  bindings: Pick<Bindings, 'find'>,
  capacity: number,
  tick: number,
  idleTicks: number,
): readonly string[] {
  const surplus = flows.confirmed.size - Math.floor(capacity * fullFill);
  if (surplus <= 0) return [];
  const silent: { readonly key: string; readonly idle: number }[] = [];
  for (const [key, entry] of flows.confirmed) {
    const idle = elapsed(tick, lastTickOf(key, entry, bindings));
    if (idle > idleTicks) silent.push({ key, idle });
  }
  silent.sort((one, other) => other.idle - one.idle);
  return silent.slice(0, surplus).map(({ key }) => key);
}

function lastTickOf(key: string, entry: FlowEntry, bindings: Pick<Bindings, 'find'>): number {
  return bindings.find(key)?.lastTick ?? entry.lastSeen;
}
