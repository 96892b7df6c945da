import { addressKind } from '../../lib/address/index.ts';
import { HeadgateError } from '../../lib/errors/index.ts';
import type { InterfaceAddress, NetworkInterface } from '../../lib/linux/netlink/index.ts';
import type { Director } from '../../topology/index.ts';
import type { Wire } from './ways.ts';

/** Interfaces and addresses of this machine. */
export interface Network {
  interfaces(): readonly NetworkInterface[];
  addresses(): readonly InterfaceAddress[];
}

/** The interface a director forwards on: the one it names, else the one that has its host. Throws HEADGATE_XDP_INTERFACE. */
export function findWire(network: Network, director: Pick<Director, 'name' | 'host' | 'interface'>): Wire {
  const found = network.interfaces().find((one) => isMeant(one, network, director));
  const what = director.interface ?? `with the address ${director.host}`;
  if (found === undefined) throw noWire(director, `there is no interface ${what} on this machine`);
  if (found.loopback) throw noWire(director, `${found.name} is loopback, which packets do not leave`);
  if (found.mac === undefined) throw noWire(director, `${found.name} has no MAC address`);
  return {
    ifindex: found.index,
    name: found.name,
    mac: found.mac,
    mtu: found.mtu,
    // Hardware has no kind. Ends of a veth pair lose unfinished checksums and super-packets in native mode.
    native: found.kind === undefined,
  };
}

function isMeant(
  { index, name }: NetworkInterface,
  network: Network,
  director: Pick<Director, 'host' | 'interface'>,
): boolean {
  if (director.interface !== undefined) return name === director.interface;
  return network.addresses().some(({ ifindex, address }) => ifindex === index && address === director.host);
}

function noWire({ name, host }: Pick<Director, 'name' | 'host'>, why: string): HeadgateError {
  const isLocal = addressKind(host) === 'loopback';
  return new HeadgateError('HEADGATE_XDP_INTERFACE', `director ${name}: ${why}`, {
    ...(isLocal
      ? { cure: 'give the director an address that other machines reach, or use forwarding: proxy' }
      : {}),
    facts: { host },
  });
}
