import type { HeartbeatTarget } from '../lib/heartbeat/index.ts';
import type { Endpoint } from '../lib/address/index.ts';
import type { Balancer, Service, Topology } from '../topology/index.ts';

/** Identity of a balancer. One that changed its host is another node: the old one drains while the new one fills. */
export function balancerId({ name, host }: Pick<Balancer, 'name' | 'host'>): string {
  return `${name}@${host}`;
}

/** The name in a balancer's identity. */
export function nameOfId(id: string): string {
  return id.slice(0, id.indexOf('@'));
}

/** Where a balancer takes a service's connections from directors. */
export function serviceEndpoint(balancer: Balancer, service: Service): Endpoint {
  return { host: balancer.host, port: balancer.ports[service.name] ?? service.listen.port };
}

/** How a balancer is asked whether it lives. A TCP probe without a port asks at its first service. */
export function heartbeatTarget(balancer: Balancer, topology: Topology): HeartbeatTarget {
  const { name, host, probe } = balancer;
  const id = balancerId(balancer);
  if (probe.kind === 'off') return { id, probe };
  if (probe.kind === 'headgate')
    return { id, probe: { ...probe, node: name, endpoint: { host, port: balancer.controlPort } } };
  const { port, ...rest } = probe;
  const first = topology.services.find((service) => service.balancers.includes(balancer.name));
  if (port === undefined && first === undefined) return { id, probe: { kind: 'off' } };
  return {
    id,
    probe: { ...rest, endpoint: port === undefined ? serviceEndpoint(balancer, first!) : { host, port } },
  };
}
