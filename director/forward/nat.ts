/**
 * Mode nat: one end of a TCP connection gets another address and port, in the packet and in the packet that an ICMP
 * error quotes. Checksums are brought up to date (RFC 1624), so a wrong one stays wrong. TTL and hop limit stay.
 */
import { icmpLayout, ipv4Layout, ipv6Layout, tcpLayout, updateChecksum } from '../../lib/packet/index.ts';
import { ipAt } from './classify.ts';

/** The end of a connection that is replaced, as the packet names it. */
export type End = 'source' | 'destination';

export interface Replacement {
  /** 4 or 16 bytes, as many as the packet's. */
  readonly address: Uint8Array;
  readonly port: number;
}

/** Where the headers lie; lengths and offsets in bytes. */
interface Place {
  readonly family: 4 | 6;
  readonly ipLength: number;
  /** Where TCP or ICMP begins in the frame. */
  readonly at: number;
}

/** Bytes of a quoted TCP header up to and with its checksum. */
const quotedChecksumBytes = tcpLayout.offsetOf('checksum') + 2;

interface Change {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** The TCP packet with its `end` replaced. */
export function translateSegment(frame: Uint8Array, place: Place, end: End, to: Replacement): Uint8Array {
  const { family, at } = place;
  const packet = frame.slice();
  const address = put(packet, ipAt + addressOffset(family, end), to.address);
  if (family === 4) fix(packet, ipAt + ipv4Layout.offsetOf('checksum'), [address]);
  const port = put(packet, at + portOffset(end), portBytes(to.port));
  fix(packet, at + tcpLayout.offsetOf('checksum'), [address, port]);
  return packet;
}

/**
 * The ICMP error with its own `end` replaced, and the other end of the packet it quotes: that one travelled in the
 * other direction.
 */
export function translateError(frame: Uint8Array, place: Place, end: End, to: Replacement): Uint8Array {
  const { family, ipLength, at } = place;
  const packet = frame.slice();
  const innerAt = at + icmpLayout.size;
  const tcpAt = innerAt + (family === 4 ? ipv4Layout.size : ipv6Layout.size);
  const quotedEnd = end === 'source' ? 'destination' : 'source';
  const outer = put(packet, ipAt + addressOffset(family, end), to.address);
  if (family === 4) fix(packet, ipAt + ipv4Layout.offsetOf('checksum'), [outer]);
  const address = put(packet, innerAt + addressOffset(family, quotedEnd), to.address);
  const port = put(packet, tcpAt + portOffset(quotedEnd), portBytes(to.port));
  const changes = [address, port];
  if (family === 4) changes.push(fix(packet, innerAt + ipv4Layout.offsetOf('checksum'), [address]));
  if (tcpAt + quotedChecksumBytes <= ipAt + ipLength)
    changes.push(fix(packet, tcpAt + tcpLayout.offsetOf('checksum'), [address, port]));
  // Only ICMPv6 has a pseudo header (RFC 4443 2.3).
  if (family === 6) changes.push(outer);
  fix(packet, at + icmpLayout.offsetOf('checksum'), changes);
  return packet;
}

function addressOffset(family: 4 | 6, end: End): number {
  return family === 4 ? ipv4Layout.offsetOf(end) : ipv6Layout.offsetOf(end);
}

function portOffset(end: End): number {
  return tcpLayout.offsetOf(end === 'source' ? 'sourcePort' : 'destinationPort');
}

function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >>> 8, port & 0xff);
}

function put(packet: Uint8Array, at: number, after: Uint8Array): Change {
  const before = packet.slice(at, at + after.length);
  packet.set(after, at);
  return { before, after };
}

/** Brings the checksum at `at` up to date; it is a change itself for a checksum that covers it. */
function fix(packet: Uint8Array, at: number, changes: readonly Change[]): Change {
  const before = packet.slice(at, at + 2);
  const value = updateChecksum(
    (before[0]! << 8) | before[1]!,
    Uint8Array.from(Buffer.concat(changes.map((change) => change.before))),
    Uint8Array.from(Buffer.concat(changes.map((change) => change.after))),
  );
  return put(packet, at, portBytes(value));
}
