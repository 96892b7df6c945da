import type { Logger } from 'pino';
import { addressFamily, formatEndpoint, type Endpoint } from '../../lib/address/index.ts';
import type { HeadgateError } from '../../lib/errors/index.ts';
import type { ConnectionRecord, Destination, RelayClient, Router } from '../../lib/relay/index.ts';
import type { ForwardingTable, ServiceForwarding } from '../forwarding-table.ts';
import { pickBalancer, SlotFinder } from '../pick.ts';
import type { PlaneServiceStats } from '../plane.ts';
import { FlowList } from './flow-list.ts';

export interface ProxyRouterOptions {
  /** Address of the director, which its connections come from: balancers accept no other. */
  readonly host: string;
  readonly preface: (source: Endpoint, destination: Endpoint) => Uint8Array;
  readonly onConnectFailure: (balancer: string) => void;
  readonly log: Logger;
}

/** Failures that say something of the balancer; others lie with the client or this process. */
const balancerFailures: ReadonlySet<string> = new Set([
  'HEADGATE_RELAY_CONNECT_REFUSED',
  'HEADGATE_RELAY_CONNECT_TIMEOUT',
]);

type ServiceCounts = Omit<PlaneServiceStats, 'connections'>;

const noCounts = (): ServiceCounts => ({ accepted: 0, refusedNoBalancer: 0, refusedUnreachable: 0 });

/** Answers the relay from the forwarding table of the moment, and keeps the flows and their counts. */
export class ProxyRouter implements Router {
  readonly flows = new FlowList();
  readonly #options: ProxyRouterOptions;
  readonly #slots = new SlotFinder();
  readonly #counts = new Map<string, ServiceCounts>();
  readonly #totals = noCounts();
  #hashKey = '';
  #services: ReadonlyMap<string, ServiceForwarding> = new Map();

  constructor(options: ProxyRouterOptions) {
    this.#options = options;
  }

  setTable({ hashKey, services }: ForwardingTable): void {
    this.#hashKey = hashKey;
    this.#services = new Map(services.map((service) => [service.name, service]));
    for (const { name } of services) this.#count(name);
    // A removed service is counted until its last connection has ended.
    for (const name of this.#counts.keys()) this.#forgetWhenGone(name);
  }

  route(client: RelayClient, tried: readonly string[]): Destination | null {
    const service = this.#services.get(client.service);
    if (this.flows.begin(client, service?.listen)) this.#add(client.service, 'accepted');
    if (service === undefined) return null;
    const slot = this.#slots.slot(this.#hashKey, client.source, service.maglev.size);
    const balancer = pickBalancer(service, slot, tried);
    if (balancer === undefined) return null;
    this.flows.place(client, balancer.id);
    return {
      id: balancer.id,
      endpoint: balancer.endpoint,
      preface: this.#options.preface(client.source, client.destination),
      ...this.#from(balancer.endpoint),
    };
  }

  /** The own address, unless it is of another family: then only the kernel can choose. */
  #from({ host }: Endpoint): Pick<Destination, 'localAddress'> {
    const localAddress = this.#options.host;
    return addressFamily(host) === addressFamily(localAddress) ? { localAddress } : {};
  }

  failed(_client: RelayClient, destination: Destination, error: HeadgateError): void {
    if (balancerFailures.has(error.code)) this.#options.onConnectFailure(destination.id);
  }

  ended(record: ConnectionRecord): void {
    const { client, reason } = record;
    const known = this.flows.end(client);
    if (known && reason === 'no-destination') this.#add(client.service, 'refusedNoBalancer');
    if (known && reason === 'connect-failed') this.#add(client.service, 'refusedUnreachable');
    this.#forgetWhenGone(client.service);
    this.#log(record);
  }

  serviceStats(): Record<string, PlaneServiceStats> {
    return Object.fromEntries(
      [...this.#counts].map(([name, counts]) => [
        name,
        { ...counts, connections: this.flows.ofService(name) },
      ]),
    );
  }

  totals(): PlaneServiceStats {
    return { ...this.#totals, connections: this.flows.size };
  }

  #add(service: string, counter: keyof ServiceCounts): void {
    this.#totals[counter]++;
    this.#count(service)[counter]++;
  }

  #count(service: string): ServiceCounts {
    const counts = this.#counts.get(service) ?? noCounts();
    this.#counts.set(service, counts);
    return counts;
  }

  #forgetWhenGone(service: string): void {
    if (!this.#services.has(service) && this.flows.ofService(service) === 0) this.#counts.delete(service);
  }

  /** The balancer writes the records that operators read; here they are for following one connection through both tiers. */
  #log({ client, destination, bytesUp, bytesDown, durationMs, retries, reason }: ConnectionRecord): void {
    if (!this.#options.log.isLevelEnabled('debug')) return;
    this.#options.log.debug(
      {
        service: client.service,
        client: formatEndpoint(client.source),
        balancer: destination?.id ?? null,
        bytesUp,
        bytesDown,
        durationMs: Math.round(durationMs),
        retries,
        reason,
      },
      'connection ended',
    );
  }
}
