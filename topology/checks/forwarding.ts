/** What the modes that forward packets demand of addresses. */
import { addressFamily, addressKind, formatEndpoint } from '../../lib/address/index.ts';
import { mismatch, type Finding } from '../problem.ts';
import type { Forwarding } from '../types.ts';
import type { CheckedFile } from './index.ts';

/** Whether a VIP of this mode is the address of packets, not of a socket of the director. */
function forwardsPackets(forwarding: Forwarding): boolean {
  return forwarding !== 'auto' && forwarding !== 'proxy';
}

/**
 * dr and tun: balancers have the VIP on their loopback, so no host may have it as its address. nat and fullnat: the
 * address of a balancer takes its place. None of them knows a wildcard.
 */
export function forwardingMistakes(checked: CheckedFile): readonly Finding[] {
  const hosts = hostsOf(checked);
  return Object.entries(checked.file.services).flatMap(([name, { listen, forwarding }]): Finding[] => {
    if (!forwardsPackets(forwarding)) return [];
    const wrong = (expected: string, got: string): Finding => ({
      code: 'HEADGATE_TOPOLOGY_VIP',
      path: ['services', name, 'listen'],
      at: 'value',
      message: mismatch(expected, got),
    });
    const kind = addressKind(listen.host);
    if (kind === 'wildcard' || kind === 'loopback') {
      const what = kind === 'wildcard' ? 'every address' : 'a loopback address';
      return [wrong(`one VIP with forwarding: ${forwarding}`, `${formatEndpoint(listen)}, which is ${what}`)];
    }
    const owner = hosts.get(listen.host);
    if (owner !== undefined && (forwarding === 'dr' || forwarding === 'tun')) {
      const expected = `a VIP of its own with forwarding: ${forwarding}, which no host has as its address`;
      return [wrong(expected, `${listen.host}, which is the address of ${owner}`)];
    }
    return [];
  });
}

/** Rewriting an address cannot change its family. */
export function natFamilyMistakes({ file }: CheckedFile): readonly Finding[] {
  return Object.entries(file.services).flatMap(([name, { listen, forwarding, balancers }]): Finding[] => {
    if (forwarding !== 'nat' && forwarding !== 'fullnat') return [];
    const family = addressFamily(listen.host);
    const foreign = Object.entries(file.balancers).find(
      ([balancer, { host }]) => (balancers?.includes(balancer) ?? true) && addressFamily(host) !== family,
    );
    if (foreign === undefined) return [];
    const [balancer, { host }] = foreign;
    const expected = `balancers with IPv${family} addresses, as the VIP has, with forwarding: ${forwarding}`;
    return [
      {
        code: 'HEADGATE_TOPOLOGY_INVALID_VALUE',
        path: ['services', name, 'forwarding'],
        at: 'value',
        message: mismatch(expected, `${balancer} at ${host}`, 'tun'),
      },
    ];
  });
}

/** `directors.d1` and so on, by address. */
function hostsOf({ file }: CheckedFile): ReadonlyMap<string, string> {
  return new Map([
    ...Object.entries(file.chatservers).map(
      ([name, { address }]) => [address.host, `chatservers.${name}`] as const,
    ),
    ...Object.entries(file.balancers).map(([name, { host }]) => [host, `balancers.${name}`] as const),
    ...Object.entries(file.directors).map(([name, { host }]) => [host, `directors.${name}`] as const),
  ]);
}
