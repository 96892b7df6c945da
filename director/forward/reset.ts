import { TcpFlag, tcpLayout } from '../../lib/packet/index.ts';
import { ipAt, type Segment } from './classify.ts';
import { replyTo } from './reply.ts';

/**
 * The RST that answers a segment to a closed port (RFC 9293 3.10.7.1): its sequence number is the one that is
 * acknowledged; without an acknowledgment it is 0 and acknowledges what came.
 */
export function resetOf(frame: Uint8Array, segment: Segment): Uint8Array {
  const { ipLength, at } = segment;
  const tcp = tcpLayout.read(frame, at);
  const ports = { sourcePort: tcp.destinationPort, destinationPort: tcp.sourcePort, window: 0 };
  if ((tcp.flags & TcpFlag.Ack) !== 0) {
    const fields = { ...ports, flags: TcpFlag.Rst, sequence: tcp.acknowledgment };
    return replyTo(frame, segment, { tcp: fields });
  }
  const payloadBytes = ipAt + ipLength - at - (tcp.lengthAndReserved >> 4) * 4;
  const phantom = Number((tcp.flags & TcpFlag.Syn) !== 0) + Number((tcp.flags & TcpFlag.Fin) !== 0);
  const acknowledgment = (tcp.sequence + payloadBytes + phantom) >>> 0;
  return replyTo(frame, segment, { tcp: { ...ports, flags: TcpFlag.Rst | TcpFlag.Ack, acknowledgment } });
}
