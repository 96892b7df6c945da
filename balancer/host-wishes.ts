/** What the topology wants of a balancer's host: pure. */
import { addressKind } from '../lib/address/index.ts';
import type { HostOptions, WantedVip } from '../lib/host-setup/index.ts';
import type { Topology } from '../topology/index.ts';

/** The topology's part of HostOptions for one balancer. */
export type TopologyWishes = Pick<HostOptions, 'host' | 'directors' | 'vips'>;

/**
 * The VIPs whose packets come to this balancer without a connection of a director's: services with `forwarding: dr` or
 * `tun`, and `auto`, which may become dr. Of a VIP that comes both ways, wrapped packets are what needs more. Undefined
 * when there is no such balancer.
 */
export function hostWishes(topology: Topology, balancer: string): TopologyWishes | undefined {
  const self = topology.balancers.find(({ name }) => name === balancer);
  if (self === undefined) return undefined;
  const modes = new Map<string, WantedVip['mode']>();
  for (const { balancers, forwarding, listen } of topology.services) {
    const mode = modeOf(forwarding);
    if (mode === undefined || !balancers.includes(balancer) || addressKind(listen.host) !== 'host') continue;
    if (mode === 'tun' || !modes.has(listen.host)) modes.set(listen.host, mode);
  }
  return {
    host: self.host,
    directors: topology.directors.map(({ host }) => host),
    vips: Array.from(modes, ([address, mode]) => ({ address, mode })),
  };
}

/** Undefined: the director ends the connection, or is the way back; the host needs nothing. */
function modeOf(forwarding: string): WantedVip['mode'] | undefined {
  if (forwarding === 'tun') return 'tun';
  return forwarding === 'dr' || forwarding === 'auto' ? 'dr' : undefined;
}

/** In whose name the balancer itself prepares its host, and in whose name a command does it for software of others. */
export function hostOwner(by: 'balancer' | 'prepare-host', topology: Topology, balancer: string): string {
  return `${by} ${topology.cluster}/${balancer}`;
}
