/** Which flows of the raw plane have outlived themselves. Pure: names are answered, nothing is changed. */
import { FlowState, type FlowEntry } from '../forward/index.ts';
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
  const surplus = flows.confirmed.size - Math.floor(capacity * 0.9);
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
