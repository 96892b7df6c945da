import { networkInterfaces } from 'node:os';
import { canonicalAddress } from '../../lib/address/index.ts';
import { linuxAvailable } from '../../lib/linux/index.ts';
import { whyNoRawSockets } from '../../lib/raw-socket/index.ts';
import type { Topology } from '../../topology/index.ts';
import type { Lack } from '../forwarding-mode.ts';

/** Why the raw plane cannot run here, in one line with its cure; undefined when it can. Tried once per process. */
export function whyNotRaw(): string | undefined {
  const linux = linuxAvailable();
  return linux.available ? whyNoRawSockets() : `no system calls here: ${linux.reason}`;
}

/** What the raw plane lacks for a topology: raw sockets, or a VIP that this host has. */
export function rawLack(
  { services }: Pick<Topology, 'services'>,
  own: ReadonlySet<string> = ownAddresses(),
  probe: () => string | undefined = whyNotRaw,
): Lack | undefined {
  const why = probe();
  if (why !== undefined)
    return { reason: why, cure: 'give the director CAP_NET_RAW, or use forwarding: proxy' };
  const away = services.find(
    ({ forwarding, listen }) => (forwarding === 'fullnat' || forwarding === 'tun') && !own.has(listen.host),
  );
  if (away === undefined) return undefined;
  const { host } = away.listen;
  return {
    reason: `the VIP ${host} of service ${away.name} is no address of this host, and the plane raw gets packets for those only`,
    cure: `ip address add ${host} dev <interface>`,
  };
}

function ownAddresses(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return new Set(all.map(({ address }) => canonicalAddress(address) ?? address));
}
