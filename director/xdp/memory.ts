/** What an earlier process of this director left in the maps: names, health, and what ran. */
import { formatEndpoint, parseEndpoint } from '../../lib/address/index.ts';
import { nameOfId } from '../balancer-identity.ts';
import { BalancerState, noBalancer, serviceLayout, type ForwardBalancer } from '../forward/index.ts';
import type { PlaneMemory } from '../plane.ts';
import type { DataPath } from './data-path.ts';
import { decodeBalancer } from './encode.ts';
import { hostOfId } from './kernel-state.ts';
import { modeName } from './modes.ts';
import { decodeName, type Named, type Names } from './names.ts';
import { readService } from './services.ts';
import { parseServiceName } from './service-names.ts';

export interface KernelMemory {
  readonly services: Names;
  readonly balancers: Names;
  /** By index. */
  readonly entries: ReadonlyMap<number, ForwardBalancer>;
  readonly plane: PlaneMemory;
}

/** Reads it all; a data path that was just made has none. */
export function readMemory(path: Pick<DataPath, 'maps' | 'capacity'>): KernelMemory {
  const services = readNames(path.maps.service_names, path.capacity.services);
  const balancers = readNames(path.maps.balancer_names, path.capacity.balancers);
  const entries = new Map<number, ForwardBalancer>();
  for (const index of balancers.keys()) {
    const entry = decodeBalancer(path.maps.balancers.lookup(index) ?? new Uint8Array());
    if (entry !== undefined) entries.set(index, entry);
  }
  return { services, balancers, entries, plane: planeMemory(path, services, balancers, entries) };
}

function readNames(map: { lookup(index: number): Uint8Array | undefined }, capacity: number): Names {
  const names = new Map<number, Named>();
  for (let index = 0; index < capacity; index++) {
    const value = map.lookup(index);
    const named = value === undefined ? undefined : decodeName(value);
    if (named !== undefined) names.set(index, named);
  }
  return names;
}

function planeMemory(
  path: Pick<DataPath, 'maps'>,
  services: Names,
  balancers: Names,
  entries: ReadonlyMap<number, ForwardBalancer>,
): PlaneMemory {
  const modes = new Map();
  const eligible = new Map<string, ReadonlySet<string>>();
  for (const { name } of services.values()) {
    const listen = parseServiceName(name)?.listen;
    const running = listen === undefined ? undefined : readService(path, listen);
    if (listen === undefined || running === undefined) continue;
    const mode = modeName(serviceLayout.get(running, 'mode'));
    if (mode !== undefined) modes.set(formatEndpoint(listen), mode);
    const owners = ownersOf(path, serviceLayout.get(running, 'table'));
    eligible.set(
      formatEndpoint(listen),
      new Set(owners.flatMap((index) => balancers.get(index)?.name ?? [])),
    );
  }
  const named = [...balancers].filter(([, { name }]) => name !== '');
  return {
    modes,
    eligible,
    dead: new Set(
      named.flatMap(([index, { name }]) => (entries.get(index)?.state === BalancerState.Dead ? [name] : [])),
    ),
    balancers: named.map(([, one]) => ({ id: one.name, target: targetOf(one) })),
  };
}

/** Indices that own a slot of a table. */
function ownersOf({ maps }: Pick<DataPath, 'maps'>, table: number): readonly number[] {
  const bytes = maps.tables.lookup(table);
  if (bytes === undefined) return [];
  const slots = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 1);
  // The last ones may be the rounding of the value's size; they are 0 like the first index.
  const used = new Set(slots.subarray(0, slots.length - 3));
  used.delete(noBalancer);
  return [...used];
}

function targetOf({ name: id, probe, probePort }: Named): PlaneMemory['balancers'][number]['target'] {
  if (probe === 'off') return { id, probe: { kind: 'off' } };
  const endpoint = parseEndpoint(formatEndpoint({ host: hostOfId(id), port: probePort }));
  if (endpoint === undefined) return { id, probe: { kind: 'off' } };
  return {
    id,
    probe: probe === 'tcp' ? { kind: probe, endpoint } : { kind: probe, node: nameOfId(id), endpoint },
  };
}
