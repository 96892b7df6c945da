import type { Clock } from '../lib/clock/index.ts';
import type { HeadgateError } from '../lib/errors/index.ts';
import { IPPROTO_RAW } from '../lib/linux/index.ts';
import { openRawSocket, type RawSocket, type Sent } from '../lib/raw-socket/index.ts';

/** Sends IP packets of our own making, whoever their source is. */
export interface PacketSender {
  /** Never throws. `to` is the packet's destination. */
  send(packet: Uint8Array, to: string): Sent;
  close(): void;
}

export interface PacketSenderOptions {
  readonly clock: Clock;
  /** The socket of a family cannot be opened: its packets fail. Told once until it can. */
  readonly onUnavailable: (error: HeadgateError) => void;
  /** Default: a raw socket. Throws HeadgateError. */
  readonly open?: (family: 4 | 6) => Pick<RawSocket, 'send' | 'close'>;
}

/** Least time between two tries to open the socket of a family. */
const retryMs = 1_000;

/** A sender over raw sockets, opened when a packet of their family is sent. */
export function createPacketSender(options: PacketSenderOptions): PacketSender {
  const { clock, onUnavailable, open = openSocket } = options;
  const sockets = new Map<4 | 6, Pick<RawSocket, 'send' | 'close'>>();
  const failedMs = new Map<4 | 6, number>();
  let closed = false;

  const socketOf = (family: 4 | 6): Pick<RawSocket, 'send'> | undefined => {
    const known = sockets.get(family);
    const failed = failedMs.get(family);
    if (known !== undefined || (failed !== undefined && clock.now() - failed < retryMs)) return known;
    try {
      const socket = open(family);
      sockets.set(family, socket);
      failedMs.delete(family);
      return socket;
    } catch (error) {
      failedMs.set(family, clock.now());
      if (failed === undefined) onUnavailable(error as HeadgateError);
      return undefined;
    }
  };

  return {
    send(packet, to) {
      if (closed) return 'closed';
      return socketOf(to.includes(':') ? 6 : 4)?.send(packet, to) ?? 'failed';
    },
    close() {
      closed = true;
      for (const socket of sockets.values()) socket.close();
      sockets.clear();
    },
  };
}

function openSocket(family: 4 | 6): RawSocket {
  return openRawSocket({ family, protocol: IPPROTO_RAW, headerIncluded: true });
}
