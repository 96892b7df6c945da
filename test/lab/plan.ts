/** What `ip -batch` is told to build a lab: pure, so that it reads in one place. */
import { addressFamily } from '../../lib/address/index.ts';
import { bridgeHost } from './names.ts';

/** A host's end of the cable. */
export const hostInterface = 'eth0';

/** The bridge's end of the cable of the `index`th host. */
export function bridgePort(index: number): string {
  return `port${index}`;
}

/** Adds the prefix length of the lab's shared network where the address has none: /16, IPv6 /64. */
export function withPrefix(address: string): string {
  if (address.includes('/')) return address;
  return addressFamily(address) === 4 ? `${address}/16` : `${address}/64`;
}

/** `addr …` for a host's interface. An IPv6 address is usable at once: no duplicate address detection. */
export function addressCommand(action: 'add' | 'del', address: string): string {
  const nodad = action === 'add' && address.includes(':') ? ' nodad' : '';
  return `addr ${action} ${withPrefix(address)} dev ${hostInterface}${nodad}`;
}

/** Commands for the namespace of the bridge. Without spanning tree a port forwards as soon as it is up. */
export function bridgeCommands(hosts: readonly string[], namespace: (host: string) => string): string[] {
  return [
    'link add br0 type bridge stp_state 0 mcast_snooping 0',
    'link set br0 up',
    ...hosts.flatMap((host, index) => [
      `link add ${bridgePort(index)} type veth peer name ${hostInterface} netns ${namespace(host)}`,
      `link set ${bridgePort(index)} master br0 up`,
    ]),
  ];
}

/** Commands for the namespace of a host. */
export function hostCommands(addresses: readonly string[]): string[] {
  return [
    'link set lo up',
    `link set ${hostInterface} up`,
    ...addresses.map((address) => addressCommand('add', address)),
  ];
}

/** Commands outside that make the namespaces. */
export function namespaceCommands(hosts: readonly string[], namespace: (host: string) => string): string[] {
  return [bridgeHost, ...hosts].map((host) => `netns add ${namespace(host)}`);
}
