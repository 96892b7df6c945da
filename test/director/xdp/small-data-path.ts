/** A data path on a veth pair in a network namespace of this process, with few of everything. */
import { ifindexOf, ip } from '../../lib/linux/bpf/own-namespaces.ts';
import {
  DataPath,
  encodeBalancer,
  encodeConfig,
  writeServices,
  type Capacity,
} from '../../../director/xdp/index.ts';
import type { ForwardState } from '../../../director/forward/index.ts';
import { client4, ownMac, tableSize, vip4 } from '../forward/world.ts';

export const capacity: Capacity = {
  services: 12,
  balancers: 16,
  flows: 256,
  unconfirmedFlows: 1_024,
  tableSize,
};

/** What this process sends to `vip4` through hg-xdp-b arrives at hg-xdp-a, which has our MAC address. */
export function makeWire(): void {
  ip(`link add hg-xdp-a address ${ownMac} type veth peer name hg-xdp-b`);
  ip(`address add ${client4}/24 dev hg-xdp-b`);
  ip('link set hg-xdp-a up');
  ip('link set hg-xdp-b up');
  ip(`route add ${vip4}/32 dev hg-xdp-b`);
  ip(`neighbor replace ${vip4} lladdr ${ownMac} dev hg-xdp-b`);
}

export function openDataPath(
  directory: string,
  changes: Partial<Capacity> = {},
  ifindex: number = ifindexOf('hg-xdp-a'),
): DataPath {
  return DataPath.open({ directory, ifindex, mode: 'generic', capacity: { ...capacity, ...changes } });
}

/** Writes everything but the flows. */
export function writeState(path: DataPath, state: ForwardState): void {
  path.maps.config.update(0, encodeConfig(state.config, 0));
  for (const [index, balancer] of state.balancers.entries()) {
    path.maps.balancers.update(index, encodeBalancer(balancer));
  }
  writeServices(path, [...state.services.values()]);
}
