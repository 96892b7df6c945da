import {
  IOSQE_ASYNC,
  IOSQE_BUFFER_SELECT,
  IOSQE_CQE_SKIP_SUCCESS,
  IOSQE_FIXED_FILE,
  IOSQE_IO_LINK,
} from './abi/constants.ts';
import { wordOf } from './abi/struct.ts';
import { sqeStruct } from './abi/structs.ts';
import { isDirect, slotOf, type Descriptor } from './descriptor.ts';
import { highHalf, lowHalf } from './memory.ts';

const sqeWords = sqeStruct.bytes / 4;
/** The first word is opcode u8 | flags u8 | ioprio u16. */
const flagsShift = 8;
const priorityShift = 16;
const fdWord = wordOf(sqeStruct, 'fd');
const offWord = wordOf(sqeStruct, 'off');
const addrWord = wordOf(sqeStruct, 'addr');
const lenWord = wordOf(sqeStruct, 'len');
const opFlagsWord = wordOf(sqeStruct, 'opFlags');
const userDataWord = wordOf(sqeStruct, 'userData');
const bufGroupWord = wordOf(sqeStruct, 'bufGroup');
const fileIndexWord = wordOf(sqeStruct, 'fileIndex');
const addr3Word = wordOf(sqeStruct, 'addr3');

/**
 * The request being written. One object per ring, aimed at one entry after the other, so that writing allocates
 * nothing: use it at once and do not keep it. The prepare functions fill it.
 */
export class Sqe {
  readonly #words: Uint32Array;
  /** First word of the entry. */
  #at = 0;

  constructor(words: Uint32Array) {
    this.#words = words;
  }

  /** Begins entry `index`: all zero but the user data. */
  aim(index: number, low: number, high: number): this {
    const words = this.#words;
    const at = index * sqeWords;
    this.#at = at;
    // A plain loop: fill() costs more than these sixteen stores.
    for (let word = at; word < at + sqeWords; word++) words[word] = 0;
    words[at + userDataWord] = low;
    words[at + userDataWord + 1] = high;
    return this;
  }

  /** Opcode, what it works on, and the opcode's own bits of ioprio. */
  operation(opcode: number, descriptor: Descriptor, priority = 0): this {
    const words = this.#words;
    const at = this.#at;
    const first = opcode | (priority << priorityShift);
    if (isDirect(descriptor)) {
      words[at] = first | (IOSQE_FIXED_FILE << flagsShift);
      words[at + fdWord] = slotOf(descriptor);
    } else {
      words[at] = first;
      words[at + fdWord] = descriptor;
    }
    return this;
  }

  address(address: number): this {
    this.#words[this.#at + addrWord] = lowHalf(address);
    this.#words[this.#at + addrWord + 1] = highHalf(address);
    return this;
  }

  /** The field `addr` as two halves (user data to look for; level and option of a socket). */
  addressHalves(low: number, high: number): this {
    this.#words[this.#at + addrWord] = low;
    this.#words[this.#at + addrWord + 1] = high;
    return this;
  }

  /** The field `off`, also `addr2`; -1 is the file's own position. */
  offset(offset: number): this {
    this.#words[this.#at + offWord] = lowHalf(offset);
    this.#words[this.#at + offWord + 1] = highHalf(offset);
    return this;
  }

  offsetHalves(low: number, high: number): this {
    this.#words[this.#at + offWord] = low;
    this.#words[this.#at + offWord + 1] = high;
    return this;
  }

  length(length: number): this {
    this.#words[this.#at + lenWord] = length;
    return this;
  }

  operationFlags(flags: number): this {
    this.#words[this.#at + opFlagsWord] = flags;
    return this;
  }

  /** The field `file_index`, also `optlen`. */
  fileIndex(value: number): this {
    this.#words[this.#at + fileIndexWord] = value;
    return this;
  }

  /** The field `addr3`, also `optval`. */
  address3(address: number): this {
    this.#words[this.#at + addr3Word] = lowHalf(address);
    this.#words[this.#at + addr3Word + 1] = highHalf(address);
    return this;
  }

  /** IOSQE_BUFFER_SELECT: a buffer of `group` is taken when data has come, not before. */
  selectBuffer(group: number): this {
    this.#words[this.#at + bufGroupWord] = group;
    return this.#flag(IOSQE_BUFFER_SELECT);
  }

  /**
   * IOSQE_IO_LINK: the next request starts when this one has succeeded, and is cancelled when it failed. Ask
   * Ring.reserve() for the whole chain first: a chain ends where a submission ends.
   */
  link(): this {
    return this.#flag(IOSQE_IO_LINK);
  }

  /** IOSQE_CQE_SKIP_SUCCESS: no completion unless it fails. */
  skipSuccess(): this {
    return this.#flag(IOSQE_CQE_SKIP_SUCCESS);
  }

  /** IOSQE_ASYNC: run by a kernel thread at once; for what would block. */
  async(): this {
    return this.#flag(IOSQE_ASYNC);
  }

  #flag(flag: number): this {
    this.#words[this.#at]! |= flag << flagsShift;
    return this;
  }
}
