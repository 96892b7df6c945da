import type { Endpoint } from '../lib/address/index.ts';
import type { Tier, Topology } from '../topology/index.ts';

/** Where a node's control port is. */
export interface NodeAddress {
  readonly node: string;
  readonly tier: Tier;
  readonly control: Endpoint;
  /** False for servers that are only probed: they have no control port. */
  readonly speaksControl: boolean;
}

/** Every node of a topology with its control endpoint: directors first, in the order of the file. */
export function controlEndpoints(topology: Topology): readonly NodeAddress[] {
  return [
    ...topology.directors.map(({ name, host, controlPort }): NodeAddress => ({
      node: name,
      tier: 'director',
      control: { host, port: controlPort },
      speaksControl: true,
    })),
    ...topology.balancers.map(({ name, host, controlPort, probe }): NodeAddress => ({
      node: name,
      tier: 'balancer',
      control: { host, port: controlPort },
      speaksControl: probe.kind === 'headgate',
    })),
    ...topology.chatservers.map(({ name, address, controlPort, probe }): NodeAddress => ({
      node: name,
      tier: 'chatserver',
      control: { host: address.host, port: controlPort },
      speaksControl: probe.kind === 'headgate',
    })),
  ];
}
