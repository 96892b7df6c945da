import type { HeadgateError } from '../lib/errors/index.ts';
import { IPPROTO_RAW } from '../lib/linux/index.ts';
import { openRawSocket, type RawSocket, type Sent } from '../lib/raw-socket/index.ts';

/** Sends IP packets of our own making, whoever their source is. */
export interface PacketSender {
  /** Never throws. `to` is the packet's destination. */
  send(packet: Uint8Array, to: string): Sent;
  close(): void;
}

/**
 * A sender over raw sockets, opened when the first packet of their family is sent. Where they cannot be opened
 * `onUnavailable` is told once and every packet fails.
 */
export function createPacketSender(onUnavailable: (error: HeadgateError) => void): PacketSender {
  const open = new Map<4 | 6, RawSocket>();
  let unavailable = false;
  let closed = false;
  return {
    send(packet, to) {
      if (closed) return 'closed';
      if (unavailable) return 'failed';
      const family = to.includes(':') ? 6 : 4;
      let socket = open.get(family);
      if (socket === undefined) {
        try {
          socket = openRawSocket({ family, protocol: IPPROTO_RAW, headerIncluded: true });
        } catch (error) {
          unavailable = true;
          onUnavailable(error as HeadgateError);
          return 'failed';
        }
        open.set(family, socket);
      }
      return socket.send(packet, to);
    },
    close() {
      closed = true;
      for (const socket of open.values()) socket.close();
      open.clear();
    },
  };
}
