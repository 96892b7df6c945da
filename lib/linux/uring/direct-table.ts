import { HeadgateError } from '../../errors/index.ts';
import { isSyscallError } from '../errno.ts';
import { getrlimitNofile } from '../limits.ts';
import {
  IORING_REGISTER_FILE_ALLOC_RANGE,
  IORING_REGISTER_FILES2,
  IORING_REGISTER_FILES_UPDATE,
  IORING_RSRC_REGISTER_SPARSE,
  IORING_UNREGISTER_FILES,
} from './abi/constants.ts';
import { fileIndexRangeStruct, filesUpdateStruct, rsrcRegisterStruct } from './abi/structs.ts';
import { Memory } from './memory.ts';
import type { Ring } from './ring.ts';
import { checkSize } from './setup.ts';

/** IORING_MAX_FIXED_FILES (io_uring/rsrc.c). */
const slotsMost = 1 << 20;
/** In an update: this slot becomes empty. */
const noDescriptor = -1;

export interface DirectTableOptions {
  /** Slots; at most RLIMIT_NOFILE (soft), per ring, and they count against nothing else. */
  readonly slots: number;
  /** The last so many slots are never chosen by the kernel (anySlot, multishot accept); default 0. */
  readonly reserved?: number;
}

/**
 * The direct descriptors of a ring: a table of its own, at first empty. Sockets are put there by accept and socket
 * requests, or from plain descriptors by update(); slots are emptied by close requests or by update(). Closing the ring
 * closes what is left.
 */
export class DirectTable {
  readonly slots: number;
  /** First of the reserved slots; equal to `slots` when there are none. */
  readonly firstReserved: number;
  readonly #ring: Ring;
  readonly #scratch: Memory;

  /** Throws HEADGATE_URING_SIZE (also for more slots than RLIMIT_NOFILE), HEADGATE_LINUX_SYSCALL. Kernel 5.19, 6.0. */
  constructor(ring: Ring, { slots, reserved = 0 }: DirectTableOptions) {
    checkSize('slots', slots, 1, slotsMost);
    checkSize('reserved', reserved, 0, slots);
    this.slots = slots;
    this.firstReserved = slots - reserved;
    this.#ring = ring;
    this.#register();
    this.#scratch = Memory.anonymous(filesUpdateStruct.bytes);
    ring.adopt(() => {
      ring.register(IORING_UNREGISTER_FILES, null, 0, 'no direct descriptors');
      this.#scratch.free();
    });
    this.#limitRange();
  }

  /** Puts the open file of a plain descriptor, which stays open itself, into `slot`; what was there is closed. */
  update(slot: number, fd: number): void {
    checkSize('slot', slot, 0, this.slots - 1);
    const request = new DataView(new ArrayBuffer(filesUpdateStruct.bytes));
    this.#scratch.u32[0] = fd >>> 0;
    request.setUint32(filesUpdateStruct.at.offset, slot, true);
    request.setBigUint64(filesUpdateStruct.at.fds, BigInt(this.#scratch.address), true);
    const bytes = new Uint8Array(request.buffer);
    this.#ring.register(IORING_REGISTER_FILES_UPDATE, bytes, 1, `direct descriptor ${slot}`);
  }

  /** Empties `slot`; requests under way keep the file open until they complete. */
  remove(slot: number): void {
    this.update(slot, noDescriptor);
  }

  #register(): void {
    const request = new DataView(new ArrayBuffer(rsrcRegisterStruct.bytes));
    request.setUint32(rsrcRegisterStruct.at.nr, this.slots, true);
    request.setUint32(rsrcRegisterStruct.at.flags, IORING_RSRC_REGISTER_SPARSE, true);
    const bytes = new Uint8Array(request.buffer);
    try {
      this.#ring.register(
        IORING_REGISTER_FILES2,
        bytes,
        bytes.byteLength,
        `${this.slots} direct descriptors`,
      );
    } catch (error) {
      if (!isSyscallError(error, 'EMFILE')) throw error;
      const limit = getrlimitNofile()?.soft;
      const message = `slots is ${this.slots}, must be at most the limit of open files, ${limit ?? 'unknown'}`;
      throw new HeadgateError('HEADGATE_URING_SIZE', message, { cause: error, facts: { limit } });
    }
  }

  /** With a range of its own the kernel also searches for free slots from where it left off. */
  #limitRange(): void {
    const request = new DataView(new ArrayBuffer(fileIndexRangeStruct.bytes));
    request.setUint32(fileIndexRangeStruct.at.off, 0, true);
    request.setUint32(fileIndexRangeStruct.at.len, this.firstReserved, true);
    const bytes = new Uint8Array(request.buffer);
    this.#ring.register(IORING_REGISTER_FILE_ALLOC_RANGE, bytes, 0, 'the range of direct descriptors');
  }
}
