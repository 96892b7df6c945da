import type { HeadgateError } from '../../lib/errors/index.ts';
import { IpProtocol, ipBytes, ipv6Layout, formatIp } from '../../lib/packet/index.ts';
import { openRawSocket, type RawSocket } from '../../lib/raw-socket/index.ts';
import { receiveFilter, type ReceiveRule } from './receive-filter.ts';

/** The kernel grants what net.core.rmem_max allows. */
const receiveBufferBytes = 8 * 1024 * 1024;

export interface ReceiversOptions {
  /** Takes an IP packet; valid during the call. */
  readonly onPacket: (packet: Uint8Array) => void;
  readonly onError: (error: HeadgateError) => void;
}

/**
 * The raw sockets that packets arrive at: one for IPv4, and one for each IPv6 address, because the kernel does not tell
 * them which address a packet was for.
 */
export class Receivers {
  readonly #options: ReceiversOptions;
  readonly #sockets = new Map<string, RawSocket>();

  constructor(options: ReceiversOptions) {
    this.#options = options;
  }

  /** Receives what these rules say and nothing else. Throws HEADGATE_RAW_SOCKET_*, and RangeError for too many. */
  setRules(rules: readonly ReceiveRule[]): void {
    const groups = new Map<string, ReceiveRule[]>();
    for (const rule of rules) {
      const group = rule.address.length === 4 ? '4' : formatIp(rule.address);
      groups.set(group, [...(groups.get(group) ?? []), rule]);
    }
    for (const [group, socket] of this.#sockets) {
      if (groups.has(group)) continue;
      this.#sockets.delete(group);
      socket.close();
    }
    for (const [group, members] of groups) {
      const filter = receiveFilter(members);
      const socket = this.#sockets.get(group);
      if (socket === undefined) this.#sockets.set(group, this.#open(group, filter));
      else socket.setFilter(filter);
    }
  }

  #open(group: string, filter: ReturnType<typeof receiveFilter>): RawSocket {
    const { onPacket, onError } = this.#options;
    const common = { protocol: IpProtocol.Tcp, headerIncluded: true, filter, receiveBufferBytes, onError };
    if (group === '4') return openRawSocket({ ...common, family: 4, onPacket });
    const destination = ipBytes(group);
    return openRawSocket({
      ...common,
      family: 6,
      onPacket: (payload, source) => onPacket(withHeader(payload, source, destination)),
    });
  }

  /** Packets the kernel dropped because we were too slow. */
  get dropped(): number {
    return [...this.#sockets.values()].reduce((sum, socket) => sum + socket.stats().receiveDropped, 0);
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }
}

/** The header that the kernel took off. Hop limit and traffic class are not known. */
function withHeader(payload: Uint8Array, source: string, destination: Uint8Array): Uint8Array {
  const packet = new Uint8Array(ipv6Layout.size + payload.length);
  ipv6Layout.write(packet, {
    versionClassLabel: 0x6000_0000,
    payloadLength: payload.length,
    nextHeader: IpProtocol.Tcp,
    hopLimit: 64,
    source: ipBytes(source),
    destination,
  });
  packet.set(payload, ipv6Layout.size);
  return packet;
}
