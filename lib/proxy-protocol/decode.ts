import { decodeV1 } from './decode-v1.ts';
import { decodeV2 } from './decode-v2.ts';
import { signature } from './layout.ts';
import type { AcceptedVersion, Decoded } from './types.ts';

/**
 * Reads a PROXY header at the start of `bytes`. A pure function of the bytes so far: call it again with the same bytes
 * and more after them while it answers `more`; it never does for more than `maxHeaderBytes` bytes. Never throws.
 */
export function decodeProxyHeader(bytes: Uint8Array, accept: AcceptedVersion): Decoded {
  if (accept === 'v1') return decodeV1(bytes);
  if (accept === 'v2') return decodeV2(bytes);
  return bytes[0] === signature[0] ? decodeV2(bytes) : decodeV1(bytes);
}
