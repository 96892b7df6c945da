import { HeadgateError } from '../../errors/index.ts';
import {
  IORING_CQE_BUFFER_SHIFT,
  IORING_REGISTER_PBUF_RING,
  IORING_UNREGISTER_PBUF_RING,
} from './abi/constants.ts';
import { bufRegStruct, bufStruct } from './abi/structs.ts';
import { highHalf, lowHalf, Memory } from './memory.ts';
import type { Ring } from './ring.ts';
import { checkSize } from './setup.ts';

/** IORING_REGISTER_PBUF_RING takes at most 2^15 entries, a power of two. */
const buffersMost = 32_768;
const groupMost = 0xffff;
const bufferBytesMost = 1 << 30;
/** The tail of the ring lies in the padding of its first entry. */
const tailAt = bufStruct.at.resv / 2;
const entryWords = bufStruct.bytes / 4;
const entryHalves = bufStruct.bytes / 2;

export interface BufferGroupOptions {
  /** Number of the group on its ring, 0 to 65,535. */
  readonly group: number;
  /** How many buffers: a power of two up to 32,768. */
  readonly buffers: number;
  readonly bufferBytes: number;
}

/**
 * Buffers that receives of a ring take from when data has come, so that waiting connections own none. They are rows of one
 * mapped area, untouched pages of which cost nothing. A buffer is with the kernel (available) or held by us, between
 * take() and recycle().
 */
export class BufferGroup {
  readonly group: number;
  readonly buffers: number;
  readonly bufferBytes: number;
  /** Times a receive found no buffer (ENOBUFS), as told by ranOut(). Expected under load; often means: more buffers. */
  exhausted = 0;
  readonly #area: Memory;
  readonly #entries: Memory;
  readonly #unregister: () => void;
  /** 1: held by us. */
  readonly #held: Uint8Array;
  /** Which buffer lies at which place of the ring, and where each buffer was put last; for bundles. */
  readonly #bufferAt: Uint16Array;
  readonly #placeOf: Uint16Array;
  /** u16 that wraps, as the kernel's. */
  #tail = 0;
  #published = 0;
  #heldCount: number;
  #closed = false;

  /** Throws HEADGATE_URING_SIZE, HEADGATE_LINUX_SYSCALL (EEXIST: the group's number is taken; ENOMEM). */
  constructor(ring: Ring, options: BufferGroupOptions) {
    const { group, buffers, bufferBytes } = options;
    checkSize('group', group, 0, groupMost);
    checkSize('buffers', buffers, 1, buffersMost);
    checkSize('bufferBytes', bufferBytes, 1, bufferBytesMost);
    if ((buffers & (buffers - 1)) !== 0) {
      throw new HeadgateError('HEADGATE_URING_SIZE', `buffers is ${buffers}, must be a power of two`);
    }
    this.group = group;
    this.buffers = buffers;
    this.bufferBytes = bufferBytes;
    this.#held = new Uint8Array(buffers).fill(1);
    this.#heldCount = buffers;
    this.#bufferAt = new Uint16Array(buffers);
    this.#placeOf = new Uint16Array(buffers);
    this.#entries = Memory.anonymous(buffers * bufStruct.bytes);
    this.#area = this.#map(buffers * bufferBytes);
    try {
      const about = `buffer group ${group}`;
      ring.register(IORING_REGISTER_PBUF_RING, this.#registration(), 1, about);
      const forget = ring.adopt(() => this.close());
      this.#unregister = () => {
        forget();
        ring.register(IORING_UNREGISTER_PBUF_RING, this.#registration(), 1, about);
      };
    } catch (error) {
      this.#entries.free();
      this.#area.free();
      throw error;
    }
    for (let buffer = 0; buffer < buffers; buffer++) this.recycle(buffer);
    this.publish();
  }

  /** Buffers not held by us: those the kernel has, and those it has used in completions not taken yet. */
  get available(): number {
    return this.buffers - this.#heldCount;
  }

  /** Address of a byte of a buffer, for sending from it. */
  address(buffer: number, offset = 0): number {
    return this.#area.address + buffer * this.bufferBytes + offset;
  }

  /** The bytes of a buffer. Its contents change after recycle(). */
  view(buffer: number, bytes: number = this.bufferBytes, offset = 0): Uint8Array {
    const first = buffer * this.bufferBytes + offset;
    return this.#area.u8.subarray(first, first + bytes);
  }

  /**
   * The buffer of a completion with IORING_CQE_F_BUFFER, held by us from now on. Late completions carry buffers too.
   */
  take(flags: number): number {
    return this.#hold(flags >>> IORING_CQE_BUFFER_SHIFT);
  }

  /**
   * The buffer after `buffer` of the same bundled completion, held by us from now on: buffers of a bundle are filled in
   * the order in which they were recycled, each to its end but the last. Ask at the completion, before the next one is taken.
   */
  takeNext(buffer: number): number {
    return this.#hold(this.#bufferAt[(this.#placeOf[buffer]! + 1) & (this.buffers - 1)]!);
  }

  /** Gives a buffer back; the kernel sees it after publish(). Throws HEADGATE_URING_MISUSE when we do not hold it. */
  recycle(buffer: number): void {
    if (this.#held[buffer] !== 1) throw this.#misuse('was given back and is not held', buffer);
    this.#held[buffer] = 0;
    this.#heldCount--;
    const place = this.#tail & (this.buffers - 1);
    this.#bufferAt[place] = buffer;
    this.#placeOf[buffer] = place;
    const address = this.address(buffer);
    const word = place * entryWords;
    this.#entries.u32[word] = lowHalf(address);
    this.#entries.u32[word + 1] = highHalf(address);
    this.#entries.u32[word + 2] = this.bufferBytes;
    this.#entries.u16[place * entryHalves + bufStruct.at.bid / 2] = buffer;
    this.#tail = (this.#tail + 1) & 0xffff;
  }

  /** Lets the kernel see what was recycled; once per batch. */
  publish(): void {
    if (this.#published === this.#tail) return;
    this.#published = this.#tail;
    Atomics.store(this.#entries.u16, tailAt, this.#tail);
  }

  /** Counts a receive that ended with ENOBUFS. */
  ranOut(): void {
    this.exhausted++;
  }

  /**
   * Takes the group from the ring and frees the area. No request may be using a buffer, sends included; closing the ring sees
   * to that and closes its groups itself. Idempotent.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unregister();
    this.#entries.free();
    this.#area.free();
  }

  #map(bytes: number): Memory {
    try {
      return Memory.anonymous(bytes);
    } catch (error) {
      this.#entries.free();
      throw error;
    }
  }

  #hold(buffer: number): number {
    if (this.#held[buffer] !== 0) throw this.#misuse('was taken and is held already', buffer);
    this.#held[buffer] = 1;
    this.#heldCount++;
    return buffer;
  }

  #registration(): Uint8Array {
    const { bytes, at } = bufRegStruct;
    const request = new DataView(new ArrayBuffer(bytes));
    request.setBigUint64(at.ringAddr, BigInt(this.#entries.address), true);
    request.setUint32(at.ringEntries, this.buffers, true);
    request.setUint16(at.bgid, this.group, true);
    return new Uint8Array(request.buffer);
  }

  #misuse(what: string, buffer: number): HeadgateError {
    const message = `buffer ${buffer} of group ${this.group} ${what}`;
    return new HeadgateError('HEADGATE_URING_MISUSE', message, { facts: { buffer, group: this.group } });
  }
}
