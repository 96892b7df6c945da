/** What the client of a dead balancer is sent. */
import { buildPacket, TcpFlag } from '../lib/packet/index.ts';
import { ownTtl } from './forward/index.ts';

/** A client's connection, as far as it takes to end it. Addresses: 4 or 16 bytes, both the same. */
export interface Bereft {
  readonly vip: { readonly address: Uint8Array; readonly port: number };
  readonly client: { readonly address: Uint8Array; readonly port: number };
  /** Last acknowledgment number seen from the client; 0 when none was. */
  readonly lastAck: number;
}

export interface Notice {
  /** `reset` ends the connection; `nudge` makes the client answer, and its answer is met with a matching RST. */
  readonly kind: 'reset' | 'nudge';
  /** An IP packet from the VIP to the client. */
  readonly packet: Uint8Array;
}

/**
 * A RST whose sequence number is what the client expects next, the only one it must believe (RFC 9293 3.10.7.4, RFC 5961
 * 3.2). Where that number is not known, an ACK of a `random` number (0 to 1): the client finds it out of its window and
 * answers with an ACK of its own, which does tell the number.
 */
export function noticeTo({ vip, client, lastAck }: Bereft, random: number): Notice {
  const kind = lastAck === 0 ? 'nudge' : 'reset';
  const anything = Math.floor(random * 2 ** 32);
  const numbers =
    kind === 'reset'
      ? { flags: TcpFlag.Rst, sequence: lastAck, window: 0 }
      : { flags: TcpFlag.Ack, sequence: anything, acknowledgment: anything };
  const packet = buildPacket({
    ip: {
      source: vip.address,
      destination: client.address,
      ttl: ownTtl,
      hopLimit: ownTtl,
      dontFragment: true,
    },
    tcp: { sourcePort: vip.port, destinationPort: client.port, ...numbers },
  });
  return { kind, packet };
}
