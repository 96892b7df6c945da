/** What a host needs for its VIPs, compared with what it has: pure. */
import { addressFamily } from '../address/index.ts';
import { changeKey, claimOf, type Change, type HostState } from './state.ts';
import type { HostBinding, WantedVip } from './types.ts';

/** The index of the loopback interface: the first of every network namespace. */
export const loopback = 1;

/** What is looked at before anything is changed. */
export interface Observed {
  /** Value of a setting of /proc/sys by path; undefined where there is none. */
  sysctl(path: string): string | undefined;
  hasAddress(ifindex: number, address: string): boolean;
}

interface Rule {
  readonly name: string;
  /** Whether the setting in force is good; the kernel takes the larger one of all interfaces' and this one's. */
  readonly good: (inForce: number) => boolean;
  readonly value: string;
}

/**
 * For IPv4; IPv6 answers for no address of another interface and checks no reverse path.
 *
 * - arp_ignore 1: no answer to ARP for a VIP, which is not an address of the interface that was asked.
 * - arp_announce 2: no question by ARP in the name of a VIP, from which others would learn.
 * - rp_filter 2 (loose) instead of 1: clients may be reached by another interface than the one their packets come in by.
 */
const rules: readonly Rule[] = [
  { name: 'arp_ignore', good: (value) => value >= 1, value: '1' },
  { name: 'arp_announce', good: (value) => value >= 2, value: '2' },
  { name: 'rp_filter', good: (value) => value !== 1, value: '2' },
];

export interface Wanted {
  /** What this owner claims: what is missing, and what headgate did before, on whose behalf ever. */
  readonly claims: readonly Change[];
  /** To be done now, in this order: first what keeps the host silent, then the VIPs. */
  readonly todo: readonly Change[];
}

/** What is as it should be without our doing is nobody's. */
export function wantedChanges(
  state: HostState,
  { interface: name }: Pick<HostBinding, 'interface'>,
  vips: readonly WantedVip[],
  observed: Observed,
): Wanted {
  const claims: Change[] = [];
  const todo: Change[] = [];
  const want = (change: Change, isThere: boolean): void => {
    const known = claimOf(state, changeKey(change))?.change;
    if (known !== undefined || !isThere) claims.push(known ?? change);
    // One of ours that is not there was changed by somebody since: it is mended.
    if (!isThere) todo.push(known ?? change);
  };
  if (vips.some(({ address }) => addressFamily(address) === 4)) {
    for (const rule of rules) {
      const path = `net/ipv4/conf/${name}/${rule.name}`;
      const before = observed.sysctl(path);
      if (before === undefined) continue;
      const all = Number(observed.sysctl(`net/ipv4/conf/all/${rule.name}`) ?? 0);
      const inForce = Math.max(all, Number(before));
      want({ kind: 'sysctl', path, before, now: rule.value }, rule.good(inForce));
    }
  }
  for (const { address } of vips) {
    const prefixLength = addressFamily(address) === 4 ? 32 : 128;
    const there = observed.hasAddress(loopback, address);
    want({ kind: 'address', ifindex: loopback, address, prefixLength }, there);
  }
  return { claims, todo };
}
