import { watchReadable, type ReadableWatch } from '../readable.ts';
import * as constant from './constants.ts';
import { decodeAddress, decodeLink, decodeNeighbour } from './decode.ts';
import { decodeMessages, type Message } from './message.ts';
import { NetlinkSocket } from './socket.ts';
import type { InterfaceAddress, Neighbour, NetworkInterface } from './types.ts';

/** What may be watched. */
export type NetlinkTopic = 'interface' | 'address' | 'neighbour' | 'route';

/** A change. `gone` says that it is no more. */
export type NetlinkEvent =
  | { readonly kind: 'interface'; readonly gone: boolean; readonly interface: NetworkInterface }
  | { readonly kind: 'address'; readonly gone: boolean; readonly address: InterfaceAddress }
  | { readonly kind: 'neighbour'; readonly gone: boolean; readonly neighbour: Neighbour }
  /** Some route came, changed or went: look up anew. */
  | { readonly kind: 'route' }
  /** Events were lost, or could not be read: ask for everything anew. */
  | { readonly kind: 'lost' };

const groupsOf: Readonly<Record<NetlinkTopic, readonly number[]>> = {
  interface: [constant.RTNLGRP_LINK],
  address: [constant.RTNLGRP_IPV4_IFADDR, constant.RTNLGRP_IPV6_IFADDR],
  neighbour: [constant.RTNLGRP_NEIGH],
  route: [constant.RTNLGRP_IPV4_ROUTE, constant.RTNLGRP_IPV6_ROUTE],
};

/** Most datagrams in one turn of the event loop; the descriptor stays readable for the rest. */
const datagramsPerTurn = 64;

/** Tells changes as they happen. Owns a descriptor; does not keep the process alive. */
export class NetlinkWatch {
  readonly #socket: NetlinkSocket;
  readonly #watch: ReadableWatch;
  #closed = false;

  /** `onEvent` is called from the event loop, never from here. Throws HEADGATE_LINUX_SYSCALL, _UNAVAILABLE. */
  constructor(topics: readonly NetlinkTopic[], onEvent: (event: NetlinkEvent) => void) {
    this.#socket = new NetlinkSocket(topics.flatMap((topic) => groupsOf[topic]));
    try {
      this.#watch = watchReadable(this.#socket.fd, () => this.#read(onEvent));
    } catch (error) {
      this.#socket.close();
      throw error;
    }
    this.#watch.unref();
  }

  /** No event is told any more. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.close();
    this.#socket.close();
  }

  #read(onEvent: (event: NetlinkEvent) => void): void {
    for (let datagrams = 0; datagrams < datagramsPerTurn && !this.#closed; datagrams++) {
      const received = this.#socket.receive();
      if (received === 'nothing') return;
      const events = received === 'overrun' ? [{ kind: 'lost' } as const] : decodeEvents(received);
      for (const event of events) if (!this.#closed) onEvent(event);
    }
  }
}

/** The events of one datagram; what is not whole is told as lost. Never throws. */
export function decodeEvents(datagram: Uint8Array): readonly NetlinkEvent[] {
  const messages = decodeMessages(datagram);
  if (messages === undefined) return [{ kind: 'lost' }];
  return messages.flatMap((message) => decodeEvent(message) ?? []);
}

function decodeEvent({ type, payload }: Message): NetlinkEvent | undefined {
  switch (type) {
    case constant.RTM_NEWLINK:
    case constant.RTM_DELLINK: {
      const found = decodeLink(payload);
      return found && { kind: 'interface', gone: type === constant.RTM_DELLINK, interface: found };
    }
    case constant.RTM_NEWADDR:
    case constant.RTM_DELADDR: {
      const address = decodeAddress(payload);
      return address && { kind: 'address', gone: type === constant.RTM_DELADDR, address };
    }
    case constant.RTM_NEWNEIGH:
    case constant.RTM_DELNEIGH: {
      const neighbour = decodeNeighbour(payload);
      return neighbour && { kind: 'neighbour', gone: type === constant.RTM_DELNEIGH, neighbour };
    }
    case constant.RTM_NEWROUTE:
    case constant.RTM_DELROUTE:
      return { kind: 'route' };
    default:
      return undefined;
  }
}
