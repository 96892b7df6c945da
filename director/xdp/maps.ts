import type { MapSpec } from '../../lib/linux/bpf/index.ts';
import { defaultTableSize } from '../../lib/maglev/index.ts';
import {
  balancerCountersLayout,
  balancerLayout,
  configLayout,
  counterNames,
  endpointKeyLayout,
  flowKeyLayout,
  flowLayout,
  originLayout,
  serviceCountersLayout,
  serviceKeyLayout,
  serviceLayout,
} from '../forward/index.ts';
import { nameLayout } from './names.ts';

/** Sizes of everything, fixed when the maps are made. */
export interface Capacity {
  readonly services: number;
  /** Indices of balancers, those of removed ones with flows included. */
  readonly balancers: number;
  /** Confirmed flows; about 110 bytes of kernel memory each, taken at once. */
  readonly flows: number;
  /** Evictable flows; as large each. */
  readonly unconfirmedFlows: number;
  /** Slots of a Maglev table, a prime. */
  readonly tableSize: number;
}

export const defaultCapacity: Capacity = {
  services: 64,
  balancers: 1_024,
  flows: 1_048_576,
  unconfirmedFlows: 262_144,
  tableSize: defaultTableSize,
};

/**
 * Bytes of kernel memory that the flow tables take at once, about: an element of a hash is its key, its value and 48
 * bytes of the kernel's own (struct htab_elem), with 16 more for its bucket, and 24 for the list of an evictable one.
 */
export function flowTableBytes({
  flows,
  unconfirmedFlows,
}: Pick<Capacity, 'flows' | 'unconfirmedFlows'>): number {
  const element = Math.ceil(flowKeyLayout.size / 8) * 8 + flowLayout.size + 48 + 16;
  return flows * element + unconfirmedFlows * (element + 24);
}

/** Bytes of a table: two per slot, rounded up so that the map's rounding hides nothing. */
export function tableBytes(tableSize: number): number {
  return Math.ceil((tableSize * 2) / 8) * 8;
}

/** The maps of the plane, by name. */
export function mapSpecs(capacity: Capacity) {
  const { services, balancers, flows, unconfirmedFlows, tableSize } = capacity;
  const flow = { keySize: flowKeyLayout.size, valueSize: flowLayout.size };
  const service = { keySize: serviceKeyLayout.size, maxEntries: services, preallocate: false } as const;
  return {
    config: { type: 'array', keySize: 4, valueSize: configLayout.size, maxEntries: 1, mmapable: true },
    // Not preallocated: an entry that is replaced is freed only when no packet reads it any more.
    services: { type: 'hash', valueSize: serviceLayout.size, ...service },
    /** Addresses of the services, whatever the port. */
    vips: { type: 'hash', valueSize: 4, ...service },
    /** Two per service: the running one and the one being written. One value each, so one call writes it. */
    tables: { type: 'array', keySize: 4, valueSize: tableBytes(tableSize), maxEntries: 2 * services },
    /** Where balancers take connections in mode nat, and whose answers come from there. */
    endpoints: {
      type: 'hash',
      keySize: endpointKeyLayout.size,
      valueSize: serviceKeyLayout.size,
      maxEntries: services * balancers,
      preallocate: false,
    },
    origins: {
      type: 'hash',
      keySize: serviceKeyLayout.size,
      valueSize: originLayout.size,
      maxEntries: services * balancers,
      preallocate: false,
    },
    balancers: { type: 'array', keySize: 4, valueSize: balancerLayout.size, maxEntries: balancers },
    /** Confirmed: nothing is ever evicted; written by the control plane only, updated in place by packets. */
    flows: { type: 'hash', ...flow, maxEntries: flows },
    /** Opening and unconfirmed: the least recently used go, so a flood of SYNs ends here. */
    flows_new: { type: 'lru-hash', ...flow, maxEntries: unconfirmedFlows },
    counters: { type: 'per-cpu-array', keySize: 4, valueSize: 8, maxEntries: counterNames.length },
    service_count: {
      type: 'per-cpu-array',
      keySize: 4,
      valueSize: serviceCountersLayout.size,
      maxEntries: services,
    },
    balancer_count: {
      type: 'per-cpu-array',
      keySize: 4,
      valueSize: balancerCountersLayout.size,
      maxEntries: balancers,
    },
    /** Names of the indices; only the control plane reads them. */
    service_names: { type: 'array', keySize: 4, valueSize: nameLayout.size, maxEntries: services },
    balancer_names: { type: 'array', keySize: 4, valueSize: nameLayout.size, maxEntries: balancers },
  } as const satisfies Readonly<Record<string, MapSpec>>;
}
