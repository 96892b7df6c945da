/** The plane as people and the director see it. */
import type { Endpoint } from '../../lib/address/index.ts';
import type { Flow, FoundFlow, PlaneDetail, PlaneStats } from '../plane.ts';
import type { Census } from './census.ts';
import type { DataPath } from './data-path.ts';
import { findFlow, listFlows } from './flow-lookup.ts';
import type { KnownIndices } from './leaving.ts';
import { modeName } from './modes.ts';
import type { Counted } from './plane-counters.ts';
import { parseServiceName } from './service-names.ts';

/** `counters`: what this process counts beside the kernel. */
export function planeStats(
  { services, balancers }: KnownIndices,
  { capacity }: Pick<DataPath, 'capacity'>,
  { census, beganMs }: { readonly census: Census; readonly beganMs: number },
  counted: Counted,
  counters: Readonly<Record<string, number>>,
): PlaneStats {
  const byName: Record<string, PlaneStats['total']> = {};
  const total = { accepted: 0, refusedNoBalancer: 0, refusedUnreachable: 0, connections: 0 };
  for (const [index, text] of services.indices.inUse()) {
    const accepted = counted.accepted(index);
    const connections = census.byService.get(index) ?? 0;
    const name = parseServiceName(text)?.name ?? text;
    byName[name] = { accepted, refusedNoBalancer: 0, refusedUnreachable: 0, connections };
    total.connections += connections;
  }
  total.accepted = counted.acceptedTotal;
  total.refusedNoBalancer = counted.plane['resetNoBalancer'] ?? 0;
  return {
    total,
    services: byName,
    balancers: Object.fromEntries(
      balancers.indices.inUse().map(([index, id]) => [id, census.byBalancer.get(index) ?? 0]),
    ),
    countedMs: beganMs,
    limit: capacity.flows,
    refusedFull: counted.plane['resetFull'] ?? 0,
    counters: { ...counted.plane, ...counters },
  };
}

/** At most `most` flows. */
export function planeFlows(
  { services, balancers }: KnownIndices,
  path: Pick<DataPath, 'maps'>,
  most: number,
): readonly Flow[] {
  const names = {
    service: (index: number) => services.serviceOf(index)?.name,
    balancer: (index: number, generation: number) => balancers.idOf(index, generation),
  };
  return listFlows(path, names, most);
}

/** The flow of one client with a service; a proxied one is the proxy's to tell. */
export function findPlaneFlow(
  { services, balancers }: KnownIndices,
  path: Pick<DataPath, 'maps'>,
  service: string,
  client: Endpoint,
): FoundFlow | undefined {
  for (const { index, service: named } of services.named()) {
    const found = named.name === service ? findFlow(path, client, index) : undefined;
    if (found === undefined) continue;
    const { balancer, generation, mode, ...rest } = found;
    const id = balancers.idOf(balancer, generation);
    const name = modeName(mode);
    if (id !== undefined && name !== undefined && name !== 'proxy')
      return { balancer: id, mode: name, ...rest };
  }
  return undefined;
}

export function planeDetail(
  { mode, capacity }: Pick<DataPath, 'mode' | 'capacity'>,
  interfaceName: string,
  { confirmed, unconfirmed }: Census,
): readonly PlaneDetail[] {
  const plane = `${hookText(mode)} on ${interfaceName}`;
  return [{ plane, flows: { confirmed, unconfirmed, capacity: capacity.flows } }];
}

/** Where the program runs, for people. */
export function hookText(mode: DataPath['mode']): string {
  return mode === 'tcx' ? 'xdp plane (tcx)' : `xdp ${mode}`;
}
