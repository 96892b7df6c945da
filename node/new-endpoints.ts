/** Before a node says yes to a topology: could it listen where it would have to? */
import { endpointsOverlap, type Endpoint } from '../lib/address/index.ts';
import { tryListening } from '../lib/relay/index.ts';
import type { Topology } from '../topology/index.ts';

/** A service and where a node would listen for it. */
export interface ServicePlace {
  readonly service: string;
  readonly endpoint: Endpoint;
}

/**
 * Those of `wanted` at which no node of the running topology takes clients: this one listens there already, or the other
 * gives it up with the same switch. Control ports are not given up (ControlPorts), so one of another node is as good as
 * new. Pure.
 */
export function newPlaces<Place extends Pick<ServicePlace, 'endpoint'>>(
  running: Topology,
  wanted: readonly Place[],
): readonly Place[] {
  const held = heldEndpoints(running);
  return wanted.filter(({ endpoint }) => !held.some((other) => endpointsOverlap(endpoint, other)));
}

/**
 * Listens for a moment at each place that is new. Rejects with what keeps this host from it: HEADGATE_RELAY_PORT_TAKEN,
 * _ADDRESS_NOT_LOCAL, _PORT_FORBIDDEN, _LISTEN_FAILED.
 */
export async function tryNewPlaces(running: Topology, wanted: readonly ServicePlace[]): Promise<void> {
  for (const place of newPlaces(running, wanted)) await tryListening(place);
}

/** Everywhere that nodes of a topology take clients. */
function heldEndpoints(topology: Topology): readonly Endpoint[] {
  return [
    ...topology.chatservers.map(({ address }) => address),
    ...topology.services.flatMap(({ name, listen, balancers }) => [
      listen,
      ...topology.balancers
        .filter((balancer) => balancers.includes(balancer.name))
        .map(({ host, ports }) => ({ host, port: ports[name] ?? listen.port })),
    ]),
  ];
}
