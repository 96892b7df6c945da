/** Whether this host could do what a topology would have its balancer do; asked before a roll-out switches. */
import { HeadgateError } from '../lib/errors/index.ts';
import { tryNewPlaces } from '../node/index.ts';
import type { Balancer, Topology } from '../topology/index.ts';
import { requireLocal } from './require-local.ts';
import type { VipNeed } from './vip-needs.ts';
import { servicesOf, workerServices } from './worker-services.ts';

export interface CheckOptions {
  readonly running: Topology;
  /** This balancer, as it runs. */
  readonly me: Balancer;
  /** Throws why the host cannot have a VIP. */
  readonly checkHost: CheckHost;
}

/** Throws HEADGATE_HOST_* and HEADGATE_BPF_* when packets for these VIPs could not arrive on this host. */
export type CheckHost = (needs: readonly VipNeed[], topology: Topology, me: Balancer) => void;

/**
 * Rejects with HEADGATE_BALANCER_SOURCE_NOT_LOCAL, HEADGATE_RELAY_PORT_TAKEN, _ADDRESS_NOT_LOCAL, _PORT_FORBIDDEN, or with
 * what HEADGATE_HOST_* keeps the host from a VIP that is demanded anew. What is as it was is not looked at again: a lack
 * that is there already must not stand in the way of another change.
 */
export async function checkTopology(
  { running, me, checkHost }: CheckOptions,
  topology: Topology,
): Promise<void> {
  const next = topology.balancers.find(({ name, host }) => name === me.name && host === me.host);
  // A balancer that is removed takes nothing new.
  if (next === undefined) return;
  if (next.sources.join() !== me.sources.join()) await requireLocal(next.sources, me.name);
  const places = workerServices(topology, next, { directorHosts: [], atVip: new Set() });
  await tryNewPlaces(
    running,
    places.map(({ name, endpoint }) => ({ service: name, endpoint })),
  );
  const had = new Set(demandedVips(running, me).map(needKey));
  const needs = demandedVips(topology, next).filter((need) => !had.has(needKey(need)));
  if (needs.length > 0) checkHost(needs, topology, next);
}

/** `auto` demands nothing: where the host cannot have the VIP it is proxy. */
function demandedVips(topology: Topology, { name }: Balancer): readonly VipNeed[] {
  return servicesOf(topology, name).flatMap(({ name: service, forwarding, listen }) =>
    forwarding === 'dr' || forwarding === 'tun' ? [{ service, endpoint: listen, mode: forwarding }] : [],
  );
}

function needKey({ endpoint: { host, port }, mode }: VipNeed): string {
  return `${mode} ${host} ${port}`;
}

/** The error of a VIP that an obstacle of the topology keeps from this host. */
export function vipObstacle({ service }: VipNeed, obstacle: string): HeadgateError {
  return new HeadgateError(
    'HEADGATE_HOST_VIP',
    `service ${service} takes no packets for its VIP: ${obstacle}`,
    {
      cure: 'use forwarding: proxy, or a VIP that no host has',
    },
  );
}
