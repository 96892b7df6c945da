import { isHeadgateError } from '../../errors/index.ts';
import { kernelAddress } from './addresses.ts';
import { AF_INET6 } from '../constants.ts';
import * as constant from './constants.ts';
import { decodeAddress, decodeLink, decodeNeighbour, decodeRoute } from './decode.ts';
import { addressLayout, linkLayout, neighbourLayout, routeLayout } from './layouts.ts';
import { u32Bytes } from './message.ts';
import { Requests } from './request.ts';
import { NetlinkSocket } from './socket.ts';
import type { InterfaceAddress, Neighbour, NetworkInterface, Route } from './types.ts';

/**
 * Asks and changes the network of this process's namespace. Owns a descriptor. Every method is one local exchange with
 * the kernel, finished when it returns; all throw HEADGATE_NETLINK_REFUSED (facts errno, code, explanation) when the
 * kernel says no.
 */
export class Netlink {
  readonly #socket: NetlinkSocket;
  readonly #requests: Requests;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
    this.#requests = new Requests(socket);
  }

  /** Throws HEADGATE_LINUX_UNAVAILABLE where there are no system calls, HEADGATE_LINUX_SYSCALL. */
  static open(): Netlink {
    return new Netlink(new NetlinkSocket());
  }

  interfaces(): readonly NetworkInterface[] {
    const struct = linkLayout.encode({ family: 0, hardware: 0, index: 0, flags: 0, change: 0 });
    const what = 'list the interfaces';
    // Statistics make up most of a message, and nobody here reads them.
    const mask = u32Bytes(constant.RTEXT_FILTER_SKIP_STATS);
    const attributes = [[constant.IFLA_EXT_MASK, mask]] as const;
    return this.#requests.list(
      { what, type: constant.RTM_GETLINK, flags: 0, struct, attributes },
      decodeLink,
    );
  }

  addresses(): readonly InterfaceAddress[] {
    const struct = addressLayout.encode({ family: 0, prefixLength: 0, flags: 0, scope: 0, index: 0 });
    const what = 'list the addresses';
    return this.#requests.list({ what, type: constant.RTM_GETADDR, flags: 0, struct }, decodeAddress);
  }

  /**
   * Gives an interface an address, an IPv6 one without duplicate address detection (it is usable at once). False when
   * it has it already. Needs CAP_NET_ADMIN.
   */
  addAddress(address: InterfaceAddress): boolean {
    const flags = constant.NLM_F_CREATE | constant.NLM_F_EXCL;
    return this.#changeAddress('add', constant.RTM_NEWADDR, flags, address, 'EEXIST');
  }

  /** Takes an address from an interface. False when it has none such. Needs CAP_NET_ADMIN. */
  removeAddress(address: InterfaceAddress): boolean {
    return this.#changeAddress('remove', constant.RTM_DELADDR, 0, address, 'EADDRNOTAVAIL');
  }

  /** IPv4 and IPv6 neighbours, those without an answer too. */
  neighbours(): readonly Neighbour[] {
    const struct = neighbourLayout.encode({ family: 0, index: 0, state: 0, flags: 0, type: 0 });
    const what = 'list the neighbours';
    return this.#requests.list({ what, type: constant.RTM_GETNEIGH, flags: 0, struct }, decodeNeighbour);
  }

  /**
   * Has the kernel find out a neighbour's MAC address as if a packet were sent to it (NTF_USE): asks at once when it is
   * unknown, and confirms one that was silent for a while. The answer comes as an event. Needs CAP_NET_ADMIN.
   */
  resolveNeighbour(ifindex: number, address: string): void {
    const { family, bytes } = kernelAddress(address);
    const struct = neighbourLayout.encode({
      family,
      index: ifindex,
      state: 0,
      flags: constant.NTF_USE,
      type: 0,
    });
    this.#requests.act({
      what: `resolve neighbour ${address} on interface ${ifindex}`,
      type: constant.RTM_NEWNEIGH,
      flags: constant.NLM_F_CREATE,
      struct,
      attributes: [[constant.NDA_DST, bytes]],
    });
  }

  /** Where packets to `address` go. Throws HEADGATE_NETLINK_REFUSED (fact code ENETUNREACH) when nowhere. */
  route(address: string): Route {
    const { family, bytes, bits } = kernelAddress(address);
    const none = { sourceLength: 0, tos: 0, table: 0, protocol: 0, scope: 0, type: 0, flags: 0 };
    const struct = routeLayout.encode({ family, destinationLength: bits, ...none });
    const attributes = [[constant.RTA_DST, bytes]] as const;
    const what = `look up the route to ${address}`;
    return this.#requests.ask(
      { what, type: constant.RTM_GETROUTE, flags: 0, struct, attributes },
      decodeRoute,
    );
  }

  /** Idempotent. */
  close(): void {
    this.#socket.close();
  }

  #changeAddress(
    verb: string,
    type: number,
    flags: number,
    { ifindex, address, prefixLength }: InterfaceAddress,
    harmless: string,
  ): boolean {
    const { family, bytes } = kernelAddress(address);
    const struct = addressLayout.encode({
      family,
      prefixLength,
      flags: family === AF_INET6 ? constant.IFA_F_NODAD : 0,
      scope: 0,
      index: ifindex,
    });
    try {
      this.#requests.act({
        what: `${verb} ${address}/${prefixLength} of interface ${ifindex}`,
        type,
        flags,
        struct,
        attributes: [
          [constant.IFA_LOCAL, bytes],
          [constant.IFA_ADDRESS, bytes],
        ],
      });
      return true;
    } catch (error) {
      if (isHeadgateError(error, 'HEADGATE_NETLINK_REFUSED') && error.facts['code'] === harmless)
        return false;
      throw error;
    }
  }
}
