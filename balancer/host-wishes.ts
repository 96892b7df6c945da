/** What the topology wants of a balancer's host: pure. */
import type { HostOptions } from '../lib/host-setup/index.ts';
import type { Topology } from '../topology/index.ts';
import { modesOf, obstacleOf, wantedVips } from './vip-needs.ts';

/** The topology's part of HostOptions for one balancer. */
export type TopologyWishes = Pick<HostOptions, 'host' | 'directors' | 'vips'>;

/**
 * The VIPs whose packets come to this balancer without a connection of a director's: services with `forwarding: dr` or
 * `tun`, and `auto`, which may become dr; not those that a host with the addresses `own` cannot have. Undefined when there
 * is no such balancer.
 */
export function hostWishes(
  topology: Topology,
  balancer: string,
  own: ReadonlySet<string>,
): TopologyWishes | undefined {
  const self = topology.balancers.find(({ name }) => name === balancer);
  if (self === undefined) return undefined;
  const needs = wantedVips(topology, self).filter((need) => obstacleOf(need, topology, own) === undefined);
  return {
    host: self.host,
    directors: topology.directors.map(({ host }) => host),
    vips: Array.from(modesOf(needs), ([address, mode]) => ({ address, mode })),
  };
}

/** In whose name the balancer itself prepares its host, and in whose name a command does it for software of others. */
export function hostOwner(
  by: 'balancer' | 'prepare-host',
  { cluster }: Pick<Topology, 'cluster'>,
  balancer: string,
): string {
  return `${by} ${cluster}/${balancer}`;
}
