import { formatEndpoint, sameEndpoint } from '../lib/address/index.ts';
import type { AcceptedHeaders } from '../lib/relay/index.ts';
import type { Balancer, Service, Topology } from '../topology/index.ts';
import { waysOfFile, type WaysOf } from './ways.ts';
import type { WorkerService } from './worker-protocol.ts';

/** Accept queue of a listener: connections of a burst wait here instead of being dropped. */
export const listenBacklog = 4_096;

/** How long a director may take to send the PROXY header; it sends it with the first packet. */
const headerTimeoutMs = 5_000;

/** The services a balancer serves, in the order of the file. */
export function servicesOf(topology: Topology, balancer: string): readonly Service[] {
  return topology.services.filter(({ balancers }) => balancers.includes(balancer));
}

/** What the listeners of a balancer depend on besides its topology. */
export interface ListenNeeds {
  /** Hosts that directors connect from with sockets of their own. */
  readonly directorHosts: readonly string[];
  /** Services to be listened for at their VIP as well. */
  readonly atVip: ReadonlySet<string>;
  /** In which ways each is to take connections; default: what its file says. */
  readonly waysOf?: WaysOf;
}

/** What the workers of `balancer` listen for, in the order of the file. */
export function workerServices(
  topology: Topology,
  balancer: Balancer,
  needs: ListenNeeds,
): readonly WorkerService[] {
  return servicesOf(topology, balancer.name).flatMap((service) => {
    const own = atOwnAddress(service, balancer, needs);
    const isSame = sameEndpoint(own.endpoint, service.listen);
    return needs.atVip.has(service.name) && !isSame ? [own, atVip(service)] : [own];
  });
}

/**
 * At its own address a balancer meets directors' sockets, which must send a PROXY v2 header, and behind it the one of
 * what stands before headgate, if any. With nat the clients themselves arrive here too, and with fullnat they arrive
 * with the address of a director, which then sends no header.
 */
function atOwnAddress(
  service: Service,
  { host, ports }: Balancer,
  { directorHosts: directors, waysOf = waysOfFile }: ListenNeeds,
): WorkerService {
  const ways = waysOf(service);
  const headers = clientHeaders(service);
  return {
    ...common(service),
    place: 'own',
    endpoint: { host, port: ports[service.name] ?? service.listen.port },
    acceptProxy: headers,
    forwarders: { peers: directors, acceptProxy: ways.has('fullnat') ? headers : ['v2', ...headers] },
    allowFrom: ways.has('nat') ? null : directors,
  };
}

/** At the VIP clients arrive as they are: no director has a socket in between. */
function atVip(service: Service): WorkerService {
  return {
    ...common(service),
    place: 'vip',
    endpoint: service.listen,
    acceptProxy: clientHeaders(service),
    forwarders: { peers: [], acceptProxy: [] },
    allowFrom: null,
  };
}

function common(
  service: Service,
): Pick<WorkerService, 'name' | 'vip' | 'backlog' | 'sendProxy' | 'settings'> {
  const { name, listen, proxyProtocol, connectTimeoutMs, keepaliveMs, userTimeoutMs, bufferBytes } = service;
  return {
    name,
    vip: formatEndpoint(listen),
    backlog: listenBacklog,
    sendProxy: proxyProtocol.send,
    settings: { connectTimeoutMs, keepaliveMs, userTimeoutMs, bufferBytes, headerTimeoutMs },
  };
}

function clientHeaders({ proxyProtocol }: Service): AcceptedHeaders {
  return proxyProtocol.accept === 'off' ? [] : [proxyProtocol.accept];
}
