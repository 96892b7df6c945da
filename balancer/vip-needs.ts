import { addressKind, sameEndpoint, type Endpoint } from '../lib/address/index.ts';
import type { Balancer, Service, Topology } from '../topology/index.ts';
import { waysOfFile, type WaysOf } from './ways.ts';
import { servicesOf } from './worker-services.ts';

/** How packets for a VIP reach this host; `tun` includes what `dr` needs. */
export type VipMode = 'dr' | 'tun';

/** A service whose packets shall arrive here with the VIP as their destination. */
export interface VipNeed {
  readonly service: string;
  /** The VIP and its port. */
  readonly endpoint: Endpoint;
  readonly mode: VipMode;
}

/**
 * How long a VIP that is not wanted any more is listened at: a changed file reaches every director within this time,
 * and until then they send clients there.
 */
export const partingMs = 60_000;

/** The VIPs that the services of a balancer want on its host; `waysOf` says in which ways each is to take connections. */
export function wantedVips(
  topology: Topology,
  { name }: Pick<Balancer, 'name'>,
  waysOf: WaysOf = waysOfFile,
): readonly VipNeed[] {
  return servicesOf(topology, name).flatMap((service) => {
    const ways = waysOf(service);
    const mode = ways.has('tun') ? 'tun' : ways.has('dr') ? 'dr' : undefined;
    return mode === undefined ? [] : [{ service: service.name, endpoint: service.listen, mode }];
  });
}

/** The VIPs of needs, each with the greater of its modes. */
export function modesOf(needs: Iterable<VipNeed>): Map<string, VipMode> {
  const modes = new Map<string, VipMode>();
  for (const { endpoint, mode } of needs) {
    if (mode === 'tun' || !modes.has(endpoint.host)) modes.set(endpoint.host, mode);
  }
  return modes;
}

/** Why this host, which has the addresses `own`, cannot have the VIP to itself; undefined: it can. */
export function obstacleOf(
  { endpoint: { host: vip } }: VipNeed,
  { directors, balancers, chatservers }: Pick<Topology, 'directors' | 'balancers' | 'chatservers'>,
  own: ReadonlySet<string>,
): string | undefined {
  const kind = addressKind(vip);
  if (kind !== 'host') return `${vip} is a ${kind} address`;
  // With it on the loopback this host would talk to itself where it means the other.
  const hosts = [...directors, ...balancers].map(({ host }) => host);
  if (hosts.includes(vip) || chatservers.some(({ address }) => address.host === vip))
    return `${vip} is the address of a node`;
  const here = directors.find(({ host }) => own.has(host) || addressKind(host) === 'loopback');
  return here && `director ${here.name} is on this host, and the VIP is its own`;
}

interface Kept extends VipNeed {
  /** Since when it is not wanted any more; Infinity while it is. */
  readonly sinceMs: number;
  /** Its time is over, and its listeners are closed. */
  readonly isClosed: boolean;
}

/** Which VIPs are listened at and which the host has to keep, while the topology changes and connections live on. */
export class VipNeeds {
  #needs: readonly Kept[] = [];

  /** Takes over what is wanted now. */
  apply(wanted: readonly VipNeed[], nowMs: number): void {
    const left = this.#needs
      .filter((need) => !wanted.some((one) => sameNeed(one, need)))
      .map((need) => ({ ...need, sinceMs: Math.min(need.sinceMs, nowMs) }));
    this.#needs = [...wanted.map((need) => ({ ...need, sinceMs: Infinity, isClosed: false })), ...left];
  }

  /** Whether to listen for a service at its VIP. */
  listens({ name, listen }: Pick<Service, 'name' | 'listen'>, nowMs: number): boolean {
    return this.#needs.some(
      (need) => need.service === name && sameEndpoint(need.endpoint, listen) && isListened(need, nowMs),
    );
  }

  /** The VIPs to have on the host, each with the greater of its modes. */
  vips(): ReadonlyMap<string, VipMode> {
    return modesOf(this.#needs);
  }

  /** Whether some are not to be listened at any more that were the last time this was asked. */
  hasParted(nowMs: number): boolean {
    const parted = this.#needs.some((need) => !need.isClosed && !isListened(need, nowMs));
    if (parted) this.#needs = this.#needs.map((need) => ({ ...need, isClosed: !isListened(need, nowMs) }));
    return parted;
  }

  /**
   * Forgets those that are listened at no more, have been told by hasParted, and whose VIP has no connection; whether there were any. What is
   * wanted is never forgotten.
   */
  expire(hasConnections: (vip: Endpoint) => boolean): boolean {
    const left = this.#needs.filter((need) => !need.isClosed || hasConnections(need.endpoint));
    const expired = left.length < this.#needs.length;
    this.#needs = left;
    return expired;
  }
}

function isListened({ sinceMs }: { readonly sinceMs: number }, nowMs: number): boolean {
  return nowMs - sinceMs <= partingMs;
}

/** The name of the service may have changed meanwhile. */
function sameNeed(one: VipNeed, other: VipNeed): boolean {
  return one.mode === other.mode && sameEndpoint(one.endpoint, other.endpoint);
}
