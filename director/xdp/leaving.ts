/** Which indices a forwarding table still names, and what a walk over the flows has to know of them. */
import type { Endpoint } from '../../lib/address/index.ts';
import { ipBytes } from '../../lib/packet/index.ts';
import { flowKey, Mode } from '../forward/index.ts';
import type { ForwardingTable } from '../forwarding-table.ts';
import type { Census, CensusRule } from './census.ts';
import type { KernelBalancers } from './kernel-balancers.ts';
import type { KernelServices } from './kernel-services.ts';

export interface KnownIndices {
  readonly balancers: KernelBalancers;
  readonly services: KernelServices;
}

interface IndexSets {
  readonly balancers: ReadonlySet<number>;
  readonly services: ReadonlySet<number>;
}

/** Indices that the table names. Before the first table nothing leaves. */
function wantedIndices({ balancers, services }: KnownIndices, table: ForwardingTable | undefined): IndexSets {
  if (table === undefined) {
    return {
      balancers: new Set(balancers.indices.inUse().map(([index]) => index)),
      services: new Set(services.indices.inUse().map(([index]) => index)),
    };
  }
  const ids = [...table.removed, ...table.services.flatMap(({ balancers: own }) => own.map(({ id }) => id))];
  const known = (index: number | undefined): readonly number[] => (index === undefined ? [] : [index]);
  return {
    balancers: new Set(ids.flatMap((id) => known(balancers.indices.indexOf(id)))),
    services: new Set(table.services.flatMap((service) => known(services.indexOf(service)))),
  };
}

/** `proxied`: those connected through the proxy to an endpoint now. */
export function censusRule(
  known: KnownIndices,
  table: ForwardingTable | undefined,
  proxied: (listen: Endpoint) => readonly Endpoint[] | undefined,
): Omit<CensusRule, 'tick' | 'liveTicks' | 'closingTicks' | 'openingTicks' | 'proxyTicks'> {
  const { balancers, services } = known;
  const text = (key: Uint8Array): string => Buffer.from(key).toString('latin1');
  const proxiedKeys = new Map(
    services.named().map(({ index, service }) => {
      const clients = proxied(service.listen) ?? [];
      return [index, new Set(clients.map(({ host, port }) => text(flowKey(ipBytes(host), port, index))))];
    }),
  );
  const speaks = new Map(
    balancers.indices
      .inUse()
      .map(([index]) => [index, balancers.indices.probeOf(index)?.probe === 'headgate'] as const),
  );
  const wanted = wantedIndices(known, table);
  return {
    // Of what is nobody's any more, nobody speaks either: entries of freed indices are evictable.
    speaksForItself: (balancer) => speaks.get(balancer) ?? true,
    isLeaving: (balancer) => !wanted.balancers.has(balancer),
    isLeavingService: (service) => !wanted.services.has(service),
    isProxied: (service, key) => proxiedKeys.get(service)?.has(text(key)) ?? false,
    isInProxy: (service) => services.modeOf(service) === Mode.Proxy,
  };
}

/** Indices of what has left and to which no flow refers any more. */
export function freeIndices(
  known: KnownIndices,
  table: ForwardingTable | undefined,
  { byBalancer, byService, leftover, young }: Census,
): { readonly balancers: readonly number[]; readonly services: readonly number[] } {
  // Entries that refer to something leaving were there a moment ago; the next walk shows whether they are gone.
  if (young + leftover.unconfirmed.length + leftover.confirmed.length > 0)
    return { balancers: [], services: [] };
  const wanted = wantedIndices(known, table);
  const free = (
    inUse: readonly (readonly [index: number, name: string])[],
    kept: ReadonlySet<number>,
    flows: ReadonlyMap<number, number>,
  ): readonly number[] =>
    inUse.flatMap(([index]) => (kept.has(index) || (flows.get(index) ?? 0) > 0 ? [] : [index]));
  return {
    balancers: free(known.balancers.indices.inUse(), wanted.balancers, byBalancer),
    services: free(known.services.indices.inUse(), wanted.services, byService),
  };
}
