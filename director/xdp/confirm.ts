/**
 * The owner has the last word: balancers confirm and disown connections in batches. Confirmed flows move from the map
 * that evicts to the one that does not.
 */
import { isHeadgateError } from '../../lib/errors/index.ts';
import { FlowState, type FlowEntry } from '../forward/index.ts';
import type { DataPathMaps } from './data-path.ts';
import { decodeFlow, encodeFlow } from './encode.ts';

/** The part of a DataPath that holds flows. */
export interface FlowTables {
  readonly maps: Pick<DataPathMaps, 'flows' | 'flows_new'>;
}

/** Who confirms, and what entries look like that it knows and we do not. */
export type Owner = Pick<FlowEntry, 'balancer' | 'generation' | 'mode'>;

export interface Confirmed {
  /** Not evictable from now on. */
  readonly moved: number;
  /** Of these, entries that had been evicted or named another balancer. */
  readonly restored: number;
  /** Confirmed before. */
  readonly known: number;
  /** Confirmed by another balancer before, or another's while the owner's are ended: left alone. Not expected. */
  readonly contested: number;
  /** The map is full: they stay evictable. Not expected: an alarm comes before. */
  readonly full: number;
}

/**
 * Confirms the flows of `keys` (bytes of flowKey()) for their owner; `tick` dates entries that are restored. `isEnding`: its
 * connections are being ended, so a flow that another balancer has is its client's who is back with the same port.
 */
export function confirmFlows(
  { maps }: FlowTables,
  owner: Owner,
  keys: readonly Uint8Array[],
  tick: number,
  isEnding = false,
): Confirmed {
  let restored = 0;
  let known = 0;
  let contested = 0;
  let moved = 0;
  let full = 0;
  for (const key of keys) {
    const old = maps.flows.peek(key);
    if (old !== undefined) {
      if (ownedBy(decodeFlow(old), owner)) known++;
      else contested++;
      continue;
    }
    const opening = maps.flows_new.peek(key);
    const seen = opening === undefined ? undefined : decodeFlow(opening);
    const isOwn = seen !== undefined && ownedBy(seen, owner);
    if (isEnding && seen !== undefined && !isOwn) {
      contested++;
      continue;
    }
    const entry = isOwn ? living(seen) : restoredEntry(owner, tick);
    // First there, then gone here: packets look in this order too.
    if (!added(maps.flows, key, encodeFlow(entry))) {
      full++;
      continue;
    }
    maps.flows_new.delete(key);
    moved++;
    if (!isOwn) restored++;
  }
  return { moved, restored, known, contested, full };
}

function added(flows: DataPathMaps['flows'], key: Uint8Array, value: Uint8Array): boolean {
  try {
    flows.update(key, value);
    return true;
  } catch (error) {
    if (isHeadgateError(error, 'HEADGATE_BPF_MAP') && error.facts['full'] === true) return false;
    throw error;
  }
}

function restoredEntry(owner: Owner, tick: number): FlowEntry {
  return { ...owner, state: FlowState.Established, lastAck: 0, lastSeen: tick };
}

/** It is established when its owner says so: what was disowned lives again, and what was read while it opened has. */
function living(entry: FlowEntry): FlowEntry {
  return { ...entry, state: FlowState.Established };
}

function ownedBy(entry: FlowEntry, { balancer, generation }: Owner): boolean {
  return entry.balancer === balancer && entry.generation === generation;
}

/**
 * Makes the flows of `keys` that are `owner`'s evictable and closing, and answers how many there were. They are still followed until
 * their room is needed, or a SYN begins anew: the client may be back with the same port, on a SYN that followed the old flow
 * just before its end was reported. Opening ones that nobody confirmed stay as they are, for the same reason.
 */
export function disownFlows({ maps }: FlowTables, owner: Owner, keys: readonly Uint8Array[]): number {
  let disowned = 0;
  for (const key of keys) {
    const confirmed = maps.flows.peek(key);
    const value = confirmed ?? maps.flows_new.peek(key);
    if (value === undefined) continue;
    const entry = decodeFlow(value);
    if (!ownedBy(entry, owner)) continue;
    if (confirmed === undefined && entry.state !== FlowState.Established) continue;
    // First there, then gone here: packets look in the other order.
    maps.flows_new.update(key, encodeFlow({ ...entry, state: FlowState.Closing }));
    if (confirmed !== undefined) maps.flows.delete(key);
    disowned++;
  }
  return disowned;
}
