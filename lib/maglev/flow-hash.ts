import { addressBytes, type Endpoint } from '../address/index.ts';
import { hashModulo, sipHash, sipKey, type Hash64, type SipKey } from './siphash.ts';

/**
 * What is hashed of a flow, 18 bytes:
 *
 *     offset 0   be128  client address, IPv4 as v4-mapped (RFC 4291 2.5.5.2)
 *     offset 16  be16   client port
 */
export const flowBytes = 18;

/** Reads the topology's `hashKey`, 32 hexadecimal digits; throws RangeError when it is not that. */
export function hashKeyFromHex(hex: string): SipKey {
  if (!/^[0-9a-f]{32}$/i.test(hex)) throw new RangeError('a hash key has 32 hexadecimal digits');
  return sipKey(Buffer.from(hex, 'hex'));
}

/** Hashes flows with one key. The same for every director, so that all agree on a client's balancer. */
export class FlowHasher {
  readonly key: SipKey;
  readonly #input = new Uint8Array(flowBytes);
  readonly #hash: Hash64 = { high: 0, low: 0 };

  constructor(key: SipKey) {
    this.key = key;
  }

  /** Hash of a client; the result is overwritten by the next call. `address` is 16 bytes, IPv4 as v4-mapped. */
  hash(address: Uint8Array, port: number): Readonly<Hash64> {
    this.#input.set(address);
    this.#input[16] = port >>> 8;
    this.#input[17] = port & 0xff;
    sipHash(this.key, this.#input, flowBytes, this.#hash);
    return this.#hash;
  }

  /** Slot of a client in a Maglev table of `size` slots. */
  slot(address: Uint8Array, port: number, size: number): number {
    return hashModulo(this.hash(address, port), size);
  }

  /** As `slot`, of an address in text. */
  slotOf({ host, port }: Endpoint, size: number): number {
    return this.slot(addressBytes(host), port, size);
  }
}
