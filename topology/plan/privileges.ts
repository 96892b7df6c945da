/** What a change needs of the machines that they may not have. Pure. */
import { formatEndpoint } from '../../lib/address/index.ts';
import type { Topology } from '../types.ts';

/** Ports below this need CAP_NET_BIND_SERVICE (ip(7), net.ipv4.ip_unprivileged_port_start). */
const firstFreePort = 1_024;

/** What each way of forwarding needs of a director. */
const forwardingNeeds: Readonly<Record<string, string>> = {
  dr: 'CAP_BPF and CAP_NET_ADMIN on the directors, and the VIP on the loopback of the balancers',
  tun: 'CAP_BPF and CAP_NET_ADMIN on the directors and the balancers',
  nat: 'CAP_BPF and CAP_NET_ADMIN on the directors',
  fullnat: 'CAP_NET_RAW on the directors',
};

/** One sentence for each thing `after` needs that `before` did not. */
export function neededPrivileges(before: Topology, after: Topology): readonly string[] {
  const had = new Set(needs(before));
  return needs(after).filter((need) => !had.has(need));
}

function needs({ services, balancers }: Topology): readonly string[] {
  return services.flatMap((service) => {
    const found: string[] = [];
    const { name, listen } = service;
    if (listen.port < firstFreePort)
      found.push(
        `service ${name}: to listen on ${formatEndpoint(listen)} directors need CAP_NET_BIND_SERVICE`,
      );
    const low = balancers.filter(({ ports }) => (ports[name] ?? firstFreePort) < firstFreePort);
    if (low.length > 0)
      found.push(
        `service ${name}: to listen below port ${firstFreePort} ${low.map((node) => node.name).join(', ')} need CAP_NET_BIND_SERVICE`,
      );
    const need = forwardingNeeds[service.forwarding];
    if (need !== undefined) found.push(`service ${name}: forwarding: ${service.forwarding} needs ${need}`);
    return found;
  });
}
