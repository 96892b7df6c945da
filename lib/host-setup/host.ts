/** The host as it is: its interfaces, addresses and settings; and the two ways in which it is changed. */
import { HeadgateError, isHeadgateError } from '../errors/index.ts';
import { Netlink, type InterfaceAddress, type NetworkInterface } from '../linux/netlink/index.ts';
import type { Change } from './state.ts';
import { readSysctl, requireWritable, sysctlName, writeSysctl } from './sysctl.ts';
import type { HostBinding, WantedVip } from './types.ts';
import type { Observed } from './wanted.ts';

/** Addresses that no network has for itself (RFC 5737, RFC 3849): where they go, clients from anywhere go. */
const anywhere = ['192.0.2.1', '2001:db8::1'];

/** One look at the host. Owns a descriptor. */
export class Host implements Observed {
  readonly #netlink = Netlink.open();
  readonly #interfaces: readonly NetworkInterface[];
  readonly #addresses: readonly InterfaceAddress[];

  constructor() {
    try {
      this.#interfaces = this.#netlink.interfaces();
      this.#addresses = this.#netlink.addresses();
    } catch (error) {
      this.#netlink.close();
      throw error;
    }
  }

  /** The interface that holds the balancer's address. Throws HEADGATE_HOST_INTERFACE. */
  binding(host: string, directors: readonly string[], mtu: number | undefined): HostBinding {
    const held = this.#addresses.find(({ address }) => address === host);
    const found = this.#interfaces.find(({ index }) => index === held?.ifindex);
    if (found === undefined) {
      throw new HeadgateError('HEADGATE_HOST_INTERFACE', `no interface of this host has the address ${host}`);
    }
    if (found.loopback) {
      const message = `${host} is on ${found.name}, where packets of a director cannot arrive`;
      throw new HeadgateError('HEADGATE_HOST_INTERFACE', message);
    }
    const paths = directors.map((director) => this.#pathMtu(director) ?? found.mtu);
    return { ifindex: found.index, interface: found.name, mtu: mtu ?? Math.min(found.mtu, ...paths) };
  }

  /** Throws HEADGATE_HOST_VIP when a VIP is where this host would tell the network that it has it. */
  refuseForeign(vips: readonly WantedVip[]): void {
    for (const { address } of vips) {
      const held = this.#addresses.find(
        (each) => each.address === address && !this.#isLoopback(each.ifindex),
      );
      if (held === undefined) continue;
      const name = this.#interfaces.find(({ index }) => index === held.ifindex)?.name ?? `${held.ifindex}`;
      throw new HeadgateError(
        'HEADGATE_HOST_VIP',
        `the VIP ${address} is an address of ${name}, for which this host answers beside the director`,
        { cure: `remove it: ip address del ${address}/${held.prefixLength} dev ${name}`, facts: { address } },
      );
    }
  }

  /** The interfaces that answers to clients from anywhere leave by. */
  waysOut(): readonly number[] {
    return anywhere.flatMap((address) => {
      const route = this.#route(address);
      return route?.kind === 'unicast' ? [route.ifindex] : [];
    });
  }

  sysctl(path: string): string | undefined {
    return readSysctl(path);
  }

  hasAddress(ifindex: number, address: string): boolean {
    return this.#addresses.some((each) => each.ifindex === ifindex && each.address === address);
  }

  /** Does it unless it is done. Answers what was done in words. Throws HEADGATE_HOST_SYSCTL, HEADGATE_HOST_ADDRESS. */
  apply(change: Change): string | undefined {
    if (change.kind === 'sysctl') {
      if (readSysctl(change.path) === change.now) return undefined;
      writeSysctl(change.path, change.now);
      return `set ${sysctlName(change.path)} from ${change.before} to ${change.now}`;
    }
    return this.#address(`add ${textOf(change)} to lo`, () => this.#netlink.addAddress(change))
      ? `added ${textOf(change)} to lo`
      : undefined;
  }

  /** Throws as apply() when this process may not do it. Changes nothing. */
  requireRightTo(change: Change): void {
    if (change.kind === 'sysctl') requireWritable(change.path, change.now);
    // Whoever may not take an address that is not there may not put it there either.
    else this.#address(`add ${textOf(change)} to lo`, () => this.#netlink.removeAddress(change));
  }

  /** Takes it back, unless somebody else has changed it since. Answers what was done in words. Throws as apply(). */
  revert(change: Change): string | undefined {
    const words = this.wouldRevert(change);
    if (change.kind === 'sysctl') {
      if (readSysctl(change.path) === change.now) writeSysctl(change.path, change.before);
      return words;
    }
    return this.#address(`remove ${textOf(change)} from lo`, () => this.#netlink.removeAddress(change))
      ? words
      : undefined;
  }

  /** What revert() will say. */
  wouldRevert(change: Change): string | undefined {
    if (change.kind === 'address') return `removed ${textOf(change)} from lo`;
    const value = readSysctl(change.path);
    if (value === undefined || value === change.before) return undefined;
    const name = sysctlName(change.path);
    return value === change.now
      ? `set ${name} back to ${change.before}`
      : `left ${name} at ${value}: it was changed since`;
  }

  /** Idempotent. */
  close(): void {
    this.#netlink.close();
  }

  #isLoopback(ifindex: number): boolean {
    return this.#interfaces.some(({ index, loopback }) => index === ifindex && loopback);
  }

  #address(what: string, act: () => boolean): boolean {
    try {
      return act();
    } catch (error) {
      if (!isHeadgateError(error, 'HEADGATE_NETLINK_REFUSED')) throw error;
      throw new HeadgateError('HEADGATE_HOST_ADDRESS', what, { cause: error });
    }
  }

  #pathMtu(address: string): number | undefined {
    return this.#route(address)?.mtu;
  }

  #route(address: string) {
    try {
      return this.#netlink.route(address);
    } catch (error) {
      if (isHeadgateError(error, 'HEADGATE_NETLINK_REFUSED')) return undefined;
      throw error;
    }
  }
}

/** Runs `act` on a fresh look at the host. */
export function withHost<Result>(act: (host: Host) => Result): Result {
  const host = new Host();
  try {
    return act(host);
  } finally {
    host.close();
  }
}

function textOf({
  address,
  prefixLength,
}: {
  readonly address: string;
  readonly prefixLength: number;
}): string {
  return `${address}/${prefixLength}`;
}
