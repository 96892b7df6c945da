import type { FlowHasher } from '../lib/maglev/index.ts';
import { wholeShare, type PickView } from './scheduler.ts';

/**
 * Slow start where the client's address decides: a candidate is open to as many hundredths of the clients as its share
 * has, always the same ones first, so that a client that has come home stays there while the share grows.
 */
export class SlowHomes {
  readonly #hasher: FlowHasher;
  readonly #count: number;

  constructor(hasher: FlowHasher, count: number) {
    this.#hasher = hasher;
    this.#count = count;
  }

  /** Who is closed to this client now: excluded, or not open to it yet; the latter only while somebody else is open. */
  closedTo(host: string, view: PickView): (index: number) => boolean {
    const excluded = (index: number): boolean => view.excluded(index);
    let slow = false;
    for (let index = 0; index < this.#count && !slow; index++) slow = view.share(index) < wholeShare;
    if (!slow) return excluded;
    // Port 2: a hash of the address that says nothing of its home.
    const hundredth = this.#hasher.slotOf({ host, port: 2 }, wholeShare);
    const closed = (index: number): boolean => view.excluded(index) || view.share(index) <= hundredth;
    for (let index = 0; index < this.#count; index++) if (!closed(index)) return closed;
    return excluded;
  }
}
