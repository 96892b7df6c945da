import { HeadgateError } from '../../errors/index.ts';
import { checkSize } from './setup.ts';
import { generationMost, slotMost, unpackGeneration, unpackSlot } from './user-data.ts';

/** End of the list of free slots. */
const none = -1;
const free = 0;
const live = 1;
/** Released while requests were under way. */
const retired = 2;

/**
 * Who owns which slot, and how many requests each has under way: the bookkeeping that makes the reuse of slots safe
 * against late completions. Pure; 11 bytes per slot, nothing allocated later.
 *
 * A slot is taken, lives, and is released. Releasing ends its generation, so that completions that come after it are
 * recognised as late; and the slot is only taken again when the last of them has come, longest free first. So memory
 * that belongs to a slot (addresses, headers) is never handed to a successor while the kernel may still use it.
 */
export class OperationTable {
  readonly capacity: number;
  readonly #state: Uint8Array;
  readonly #generation: Uint32Array;
  readonly #underWay: Uint16Array;
  readonly #nextFree: Int32Array;
  #firstFree = 0;
  #lastFree: number;
  #live = 0;
  #retired = 0;
  /** Completions of a generation that had ended. Expected: cancellations end like this. */
  late = 0;
  /** Completions for which no request was under way. Never expected. */
  stray = 0;

  /** Throws HEADGATE_URING_SIZE; a user data word has room for 2^24 slots. */
  constructor(capacity: number) {
    checkSize('capacity', capacity, 1, slotMost + 1);
    this.capacity = capacity;
    this.#state = new Uint8Array(capacity);
    this.#generation = new Uint32Array(capacity);
    this.#underWay = new Uint16Array(capacity);
    this.#nextFree = Int32Array.from({ length: capacity }, (_, slot) =>
      slot + 1 < capacity ? slot + 1 : none,
    );
    this.#lastFree = capacity - 1;
  }

  /** Slots taken and not released. */
  get live(): number {
    return this.#live;
  }

  /** Slots released whose last completion has not come. */
  get retired(): number {
    return this.#retired;
  }

  /** A free slot, or -1 when there is none. */
  take(): number {
    const slot = this.#firstFree;
    if (slot === none) return none;
    this.#firstFree = this.#nextFree[slot]!;
    if (this.#firstFree === none) this.#lastFree = none;
    this.#state[slot] = live;
    this.#live++;
    return slot;
  }

  /** The generation to pack into the user data of a slot's requests. */
  generation(slot: number): number {
    return this.#generation[slot]!;
  }

  /** Requests of a slot under way. */
  underWay(slot: number): number {
    return this.#underWay[slot]!;
  }

  isLive(slot: number): boolean {
    return this.#state[slot] === live;
  }

  /** Counts a request that was written for a live slot. Throws HEADGATE_URING_MISUSE for another. */
  begin(slot: number): void {
    if (this.#state[slot] !== live) throw misuse('a request was begun for', slot);
    this.#underWay[slot]!++;
  }

  /**
   * Counts a completion; `more` is IORING_CQE_F_MORE. Returns whether it belongs to the present life of its slot. When not,
   * only what it carries (a buffer, a descriptor) is to be given back.
   */
  settle(low: number, high: number, more: boolean): boolean {
    const slot = unpackSlot(low);
    if (slot >= this.capacity || this.#underWay[slot] === 0) {
      this.stray++;
      return false;
    }
    const isCurrent = this.#state[slot] === live && this.#generation[slot] === unpackGeneration(high);
    if (!isCurrent) this.late++;
    if (!more) {
      this.#underWay[slot]!--;
      if (this.#state[slot] === retired && this.#underWay[slot] === 0) {
        this.#retired--;
        this.#putBack(slot);
      }
    }
    return isCurrent;
  }

  /** Ends the life of a slot. Throws HEADGATE_URING_MISUSE when it is not live. */
  release(slot: number): void {
    if (this.#state[slot] !== live) throw misuse('released was', slot);
    this.#generation[slot] = (this.#generation[slot]! + 1) & generationMost;
    this.#live--;
    if (this.#underWay[slot] === 0) {
      this.#putBack(slot);
    } else {
      this.#state[slot] = retired;
      this.#retired++;
    }
  }

  #putBack(slot: number): void {
    this.#state[slot] = free;
    this.#nextFree[slot] = none;
    if (this.#lastFree === none) this.#firstFree = slot;
    else this.#nextFree[this.#lastFree] = slot;
    this.#lastFree = slot;
  }
}

function misuse(what: string, slot: number): HeadgateError {
  return new HeadgateError('HEADGATE_URING_MISUSE', `${what} slot ${slot}, which is not live`, {
    facts: { slot },
  });
}
