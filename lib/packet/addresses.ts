import { addressBytes, canonicalAddress } from '../address/index.ts';

/** An IP address as text or as its 4 or 16 bytes. */
export type IpLike = string | Uint8Array;
/** A MAC address as `02:00:00:00:00:01` or as its 6 bytes. */
export type MacLike = string | Uint8Array;

/** The 4 or 16 bytes of an address. Throws RangeError when `address` is none. */
export function ipBytes(address: IpLike): Uint8Array {
  if (typeof address !== 'string') {
    if (address.length === 4 || address.length === 16) return address;
    throw new RangeError(`${address.length} bytes are not an IP address`);
  }
  const canonical = canonicalAddress(address);
  if (canonical === undefined) throw new RangeError(`${JSON.stringify(address)} is not an IP address`);
  // v4-mapped text stays 16 bytes: it was written as IPv6.
  return address.includes(':') ? addressBytes(canonical) : Uint8Array.from(canonical.split('.'), Number);
}

/** The 6 bytes of a MAC address. Throws RangeError when `address` is none. */
export function macBytes(address: MacLike): Uint8Array {
  if (typeof address !== 'string') {
    if (address.length === 6) return address;
    throw new RangeError(`${address.length} bytes are not a MAC address`);
  }
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(address)) {
    throw new RangeError(`${JSON.stringify(address)} is not a MAC address`);
  }
  return Uint8Array.from(address.split(':'), (part) => Number.parseInt(part, 16));
}

/** Text of a MAC address. */
export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Canonical text of 4 or 16 bytes; v4-mapped stays IPv6, as the packet has it. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16),
  ).join(':');
  return canonicalV6(groups);
}

function canonicalV6(groups: string): string {
  const text = canonicalAddress(groups) ?? groups;
  return text.includes(':') ? text : `::ffff:${text}`;
}
