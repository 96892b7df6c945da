import type { Endpoint } from '../lib/address/index.ts';
import { FlowHasher, hashKeyFromHex, noNode, ownerOf } from '../lib/maglev/index.ts';
import type { ForwardingBalancer, ServiceForwarding } from './forwarding-table.ts';

/**
 * The balancer for a slot that is not among `tried`; undefined when there is none. Walks on from the slot, so a retry goes
 * where the slot's neighbours are: the same for every director, and shares of a failing balancer spread by weight.
 */
export function pickBalancer(
  { maglev, owners }: ServiceForwarding,
  slot: number,
  tried: readonly string[] = [],
): ForwardingBalancer | undefined {
  if (!owners.some(({ id }) => !tried.includes(id))) return undefined;
  for (let step = 0; step < maglev.size; step++) {
    const owner = ownerOf(maglev, (slot + step) % maglev.size);
    const balancer = owner === noNode ? undefined : owners[owner];
    if (balancer !== undefined && !tried.includes(balancer.id)) return balancer;
  }
  // A balancer of so little weight that it owns no slot.
  return owners.find(({ id }) => !tried.includes(id));
}

/** Slots of clients under the hash key of the moment. */
export class SlotFinder {
  #hashKey = '';
  #hasher: FlowHasher | undefined;

  /** Slot of `client` in a table of `size` slots. */
  slot(hashKey: string, client: Endpoint, size: number): number {
    if (this.#hasher === undefined || hashKey !== this.#hashKey) {
      this.#hasher = new FlowHasher(hashKeyFromHex(hashKey));
      this.#hashKey = hashKey;
    }
    return this.#hasher.slotOf(client, size);
  }
}
