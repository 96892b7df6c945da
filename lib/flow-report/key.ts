import { addressBytes, type Endpoint } from '../address/index.ts';
import type { FlowClient } from './types.ts';

/**
 * A client as a short string, one character per byte: 4 or 16 bytes of address, then be16 port. Strings, for they are
 * what a Map compares by value; a million of IPv4 clients takes less than half the memory their text would.
 */
export function flowKeyOf({ address, port }: FlowClient): string {
  const bytes = unmapped(address);
  return String.fromCharCode(...bytes, port >> 8, port & 0xff);
}

/** As `flowKeyOf`, for an endpoint with canonical host. */
export function endpointKey({ host, port }: Endpoint): string {
  const bytes = addressBytes(host);
  if (host.includes(':')) return flowKeyOf({ address: bytes, port });
  const at = mappedPrefix.length;
  return String.fromCharCode(
    bytes[at]!,
    bytes[at + 1]!,
    bytes[at + 2]!,
    bytes[at + 3]!,
    port >> 8,
    port & 0xff,
  );
}

/** The client of a key. */
export function clientOfKey(key: string): FlowClient {
  const bytes = Buffer.from(key, 'latin1');
  const portAt = bytes.length - 2;
  return { address: bytes.subarray(0, portAt), port: bytes.readUInt16BE(portAt) };
}

/** Lengths that a key may have. */
export const keyLengths: ReadonlySet<number> = new Set([6, 18]);

/** ::ffff:0:0/96 (RFC 4291 2.5.5.2). */
const mappedPrefix = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

function unmapped(address: Uint8Array): Uint8Array {
  const isMapped = address.length === 16 && mappedPrefix.every((byte, at) => address[at] === byte);
  return isMapped ? address.subarray(mappedPrefix.length) : address;
}
