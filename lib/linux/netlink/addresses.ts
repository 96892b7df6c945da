/** Addresses between text and the kernel's bytes. */
import { addressBytes, addressFamily, canonicalAddress } from '../../address/index.ts';
import { AF_INET, AF_INET6 } from '../constants.ts';

/** The family, bytes and full prefix length of a canonical address. */
export function kernelAddress(address: string): { family: number; bytes: Uint8Array; bits: number } {
  const bytes = addressBytes(address);
  return addressFamily(address) === 4
    ? { family: AF_INET, bytes: bytes.subarray(12), bits: 32 }
    : { family: AF_INET6, bytes, bits: 128 };
}

/** Canonical text of 4 or 16 bytes; undefined when they are of another number. */
export function addressText(bytes: Uint8Array | undefined): string | undefined {
  if (bytes?.length === 4) return bytes.join('.');
  if (bytes?.length !== 16) return undefined;
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(((bytes[at]! << 8) | bytes[at + 1]!).toString(16));
  return canonicalAddress(groups.join(':'));
}

/** Text of the 6 bytes of an Ethernet address; undefined for links with addresses of another kind. */
export function macText(bytes: Uint8Array | undefined): string | undefined {
  if (bytes?.length !== 6) return undefined;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
