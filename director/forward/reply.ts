import { buildPacket, ethernetLayout, type PacketFields } from '../../lib/packet/index.ts';
import { ownTtl } from './numbers.ts';

/** What an answer needs to know of the packet it answers. */
export interface Answered {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

/** A frame of our own that goes back to where `frame` came from, speaking as the VIP. */
export function replyTo(
  frame: Uint8Array,
  { source, destination }: Answered,
  content: Pick<PacketFields, 'tcp' | 'icmp' | 'payload'>,
): Uint8Array {
  const link = ethernetLayout.read(frame);
  return buildPacket({
    ethernet: { source: link.destination, destination: link.source },
    ip: { source: destination, destination: source, ttl: ownTtl, hopLimit: ownTtl, dontFragment: true },
    ...content,
  });
}
