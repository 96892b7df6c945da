import type { Balancer, Service, Topology } from '../topology/index.ts';
import type { WorkerService } from './worker-protocol.ts';

/** Accept queue of a listener: connections of a burst wait here instead of being dropped. */
export const listenBacklog = 4_096;

/** How long a director may take to send the PROXY header; it sends it with the first packet. */
const headerTimeoutMs = 5_000;

/** The services a balancer serves, in the order of the file. */
export function servicesOf(topology: Topology, balancer: string): readonly Service[] {
  return topology.services.filter(({ balancers }) => balancers.includes(balancer));
}

/**
 * What the workers of `balancer` listen for. In proxy forwarding, the only one without privileges, each connection
 * comes from a director and begins with a PROXY v2 header; behind it the one of what stands before headgate, if any.
 */
export function workerServices(
  topology: Topology,
  balancer: Balancer,
  directorHosts: readonly string[],
): readonly WorkerService[] {
  return servicesOf(topology, balancer.name).map((service) => {
    const { name, listen, proxyProtocol, connectTimeoutMs, keepaliveMs, userTimeoutMs, bufferBytes } =
      service;
    return {
      name,
      endpoint: { host: balancer.host, port: balancer.ports[name] ?? listen.port },
      backlog: listenBacklog,
      acceptProxy: proxyProtocol.accept === 'off' ? ['v2'] : ['v2', proxyProtocol.accept],
      allowFrom: directorHosts,
      sendProxy: proxyProtocol.send,
      settings: { connectTimeoutMs, keepaliveMs, userTimeoutMs, bufferBytes, headerTimeoutMs },
    };
  });
}
