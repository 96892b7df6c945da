/** Where balancers take connections of services in mode nat, by indices; pure but for reading what runs. */
import { ipBytes } from '../../lib/packet/index.ts';
import { endpointKeyLayout, serviceKeyLayout, type ForwardEndpoint } from '../forward/index.ts';
import type { ServiceForwarding } from '../forwarding-table.ts';
import type { DataPathMaps } from './data-path.ts';
import { parseServiceName } from './service-names.ts';

/** Names and numbers of what has an index. */
export interface IndexView {
  indexOf(name: string): number | undefined;
  nameOf(index: number): string | undefined;
}

/** The endpoints of services that run in mode nat. Balancers of the other address family have none. */
export function natEndpoints(
  services: readonly ServiceForwarding[],
  serviceIndex: (service: ServiceForwarding) => number | undefined,
  balancers: Pick<IndexView, 'indexOf'>,
): readonly ForwardEndpoint[] {
  return services.flatMap((service) => {
    const index = serviceIndex(service);
    if (service.mode !== 'nat' || index === undefined) return [];
    const vip = ipBytes(service.listen.host);
    return service.balancers.flatMap(({ id, endpoint }): ForwardEndpoint[] => {
      const balancer = balancers.indexOf(id);
      const address = ipBytes(endpoint.host);
      if (balancer === undefined || address.length !== vip.length) return [];
      return [{ service: index, balancer, address, port: endpoint.port, vip, vipPort: service.listen.port }];
    });
  });
}

/** What the kernel has of indices that are still in use: flows may belong to it. */
export function keptEndpoints(
  maps: Pick<DataPathMaps, 'endpoints'>,
  services: Pick<IndexView, 'nameOf'>,
  balancers: Pick<IndexView, 'nameOf'>,
): readonly ForwardEndpoint[] {
  return Array.from(maps.endpoints.keys()).flatMap((key): ForwardEndpoint[] => {
    const { service, balancer } = endpointKeyLayout.read(key);
    const value = maps.endpoints.lookup(key);
    const listen = parseServiceName(services.nameOf(service) ?? '')?.listen;
    if (value === undefined || listen === undefined || balancers.nameOf(balancer) === undefined) return [];
    const { address, port, family } = serviceKeyLayout.read(value);
    const own = family === 4 ? address.slice(12) : address.slice();
    return [{ service, balancer, address: own, port, vip: ipBytes(listen.host), vipPort: listen.port }];
  });
}

/** The wanted ones, and those of the kept ones that stand in no way of them. */
export function mergeEndpoints(
  wanted: readonly ForwardEndpoint[],
  kept: readonly ForwardEndpoint[],
): readonly ForwardEndpoint[] {
  const merged = [...wanted];
  for (const one of kept) {
    const clashes = merged.some(
      (other) =>
        (other.service === one.service && other.balancer === one.balancer) ||
        (other.port === one.port && Buffer.compare(other.address, one.address) === 0),
    );
    if (!clashes) merged.push(one);
  }
  return merged;
}
