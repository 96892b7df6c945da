import { HeadgateError } from '../../errors/index.ts';
import { syscallError } from '../errno.ts';
import * as constant from './abi/constants.ts';
import { cqeStruct, geteventsArgStruct } from './abi/structs.ts';
import { cancelEverything } from './cancel-everything.ts';
import type { EventDescriptor } from './event-descriptor.ts';
import { kernel } from './kernel.ts';
import { highHalf, lowHalf, Memory } from './memory.ts';
import { setupRing, type RawRing, type RingMode, type RingOptions } from './setup.ts';
import { Sqe } from './sqe.ts';
import { timespecBytes, writeTimespec } from './timespec.ts';

/**
 * Told of one completion: the two halves of the request's user data, the result (negative: errno) and the
 * IORING_CQE_F_* flags.
 */
export type CompletionHandler = (low: number, high: number, result: number, flags: number) => void;

/** Each counts from start; the comment says whether it is expected to move in production. */
export interface RingStats {
  /** Requests handed to the kernel. Expected. */
  submitted: number;
  /** Completions told to handlers. Expected. */
  completed: number;
  /** Calls of io_uring_enter. Expected. */
  enters: number;
  /** Times the completion queue was found overflown; the kernel kept the rest in memory of its own. Rare: make it larger. */
  overflows: number;
  /** Completions the kernel lost for want of memory. Never expected: what waits for them waits in vain. */
  dropped: number;
  /** Times the kernel took fewer requests than there were, or none, for want of memory; they stay queued. Not expected. */
  refusals: number;
  /** Submissions because the submission queue was full. Expected now and then. */
  queueFull: number;
}

const cqeWords = cqeStruct.bytes / 4;
/** Where the argument of a bounded wait lies in the scratch memory, and its timespec after it. */
const argumentAt = 0;
const timespecAt = 32;
/** A submission that is refused is tried again so often; then it is told. */
const submitTries = 3;

/**
 * One io_uring: a queue of requests and a queue of completions. Owns its descriptor (close-on-exec), its mappings and what
 * was adopted (buffer groups, direct descriptors). For one thread: the one that made it.
 */
export class Ring {
  readonly fd: number;
  readonly mode: RingMode;
  /** io_uring_params.features */
  readonly features: number;
  readonly entries: number;
  readonly completionEntries: number;
  readonly stats: RingStats = {
    submitted: 0,
    completed: 0,
    enters: 0,
    overflows: 0,
    dropped: 0,
    refusals: 0,
    queueFull: 0,
  };
  readonly #raw: RawRing;
  readonly #words: Uint32Array;
  readonly #scratch: Memory;
  readonly #sqe: Sqe;
  readonly #sqMask: number;
  readonly #cqMask: number;
  /**
   * Whether `behind` tells all there is to do once signals are let through, without a call: in the deferred modes the kernel
   * first says that work waits and then looks whether it may signal. It orders the two as this processor does (x64), or not
   * surely.
   */
  readonly tellsWork: boolean;
  /** GETEVENTS where completions are only made inside io_uring_enter(). */
  readonly #alwaysFlags: number;
  readonly #owned = new Set<() => void>();
  /** u32 counters that wrap, as the kernel's. */
  #sqTail = 0;
  #sqHead = 0;
  #cqHead = 0;
  #closed = false;

  /** Throws HEADGATE_URING_UNAVAILABLE, HEADGATE_URING_SIZE, HEADGATE_LINUX_SYSCALL. */
  constructor(options: RingOptions) {
    const raw = setupRing(options);
    this.#raw = raw;
    this.fd = raw.fd;
    this.mode = raw.mode;
    this.features = raw.features;
    this.entries = raw.sqEntries;
    this.completionEntries = raw.cqEntries;
    this.#words = raw.rings.u32;
    this.#sqe = new Sqe(raw.sqes.u32);
    this.#sqMask = raw.sqEntries - 1;
    this.#cqMask = raw.cqEntries - 1;
    const isDeferred = raw.mode === 'deferred-direct' || raw.mode === 'deferred';
    this.tellsWork = isDeferred && process.arch === 'x64';
    this.#alwaysFlags = isDeferred ? constant.IORING_ENTER_GETEVENTS : 0;
    this.#scratch = Memory.anonymous(timespecAt + timespecBytes);
    this.#scratch.u32[(argumentAt + geteventsArgStruct.at.ts) / 4] = lowHalf(
      this.#scratch.address + timespecAt,
    );
    this.#scratch.u32[(argumentAt + geteventsArgStruct.at.ts) / 4 + 1] = highHalf(
      this.#scratch.address + timespecAt,
    );
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Requests written and not yet handed to the kernel. */
  get queued(): number {
    return this.#closed ? 0 : (this.#sqTail - this.#sqHead) >>> 0;
  }

  /** Completions that wait in the queue, as far as the kernel has told. */
  get ready(): number {
    return this.#closed ? 0 : (Atomics.load(this.#words, this.#raw.at.cqTail) - this.#cqHead) >>> 0;
  }

  /**
   * Whether the kernel has deferred work that it did not get to in the last call: it does 20 pieces per call, not each of which
   * makes a completion, and signals only when new work comes.
   */
  get behind(): boolean {
    return !this.#closed && (this.#sqFlags() & constant.IORING_SQ_TASKRUN) !== 0;
  }

  /**
   * The next request, empty but for its user data; write it at once with a prepare function. When the queue is full it is
   * submitted first. Throws HEADGATE_URING_QUEUE_FULL when the kernel takes none (nothing queued is lost), _CLOSED.
   */
  sqe(low: number, high: number): Sqe {
    if ((this.#sqTail - this.#sqHead) >>> 0 >= this.entries) this.#makeRoom(1);
    const index = this.#sqTail & this.#sqMask;
    this.#sqTail = (this.#sqTail + 1) >>> 0;
    return this.#sqe.aim(index, low, high);
  }

  /** Makes sure that `count` requests can follow without a submission between them (linked ones). Throws as sqe(). */
  reserve(count: number): void {
    if (this.entries - ((this.#sqTail - this.#sqHead) >>> 0) < count) this.#makeRoom(count);
  }

  /**
   * Hands all queued requests to the kernel in one call, and lets it finish what became ready. Returns how many it took;
   * the rest (no memory) stays queued. Throws HEADGATE_LINUX_SYSCALL, HEADGATE_URING_CLOSED.
   */
  submit(): number {
    return this.#enter(0, 0, 0);
  }

  /**
   * As submit(), then blocks this thread until `least` completions wait, a signal comes, or `timeoutMs` is over. With a
   * `least` of 0 it never blocks.
   */
  wait(least: number, timeoutMs?: number): number {
    if (timeoutMs === undefined || least === 0) return this.#enter(least, 0, 0);
    writeTimespec(this.#scratch, timespecAt, timeoutMs);
    return this.#enter(least, this.#scratch.address + argumentAt, geteventsArgStruct.bytes);
  }

  /**
   * Tells `handle` of completions in order, `most` at the most, and gives their places back to the kernel. An overflown
   * queue is refilled on the way. `handle` may write requests, submit and close; when it throws, that completion counts as
   * told and the rest waits. Returns how many were told. Allocates nothing.
   */
  drain(handle: CompletionHandler, most = Infinity): number {
    let told = 0;
    while (told < most && !this.#closed) {
      const some = this.#drainQueue(handle, most - told);
      told += some;
      if (this.#closed || !this.#isOverflown()) break;
      if (told < most) {
        this.stats.overflows++;
        this.#enter(0, 0, 0);
        if (some === 0 && this.ready === 0) break;
      }
    }
    return told;
  }

  /**
   * Signals `event` whenever a completion is or can be made; undefined: no longer. One at a time. Throws
   * HEADGATE_LINUX_SYSCALL (EBUSY: there is one already).
   */
  notify(event: EventDescriptor | undefined): void {
    if (event === undefined) {
      this.register(constant.IORING_UNREGISTER_EVENTFD, null, 0, 'no eventfd');
      return;
    }
    const fd = new Uint8Array(Int32Array.of(event.fd).buffer);
    this.register(constant.IORING_REGISTER_EVENTFD, fd, 1, 'an eventfd');
  }

  /**
   * Stops the signals of notify() while we look anyway, and lets them through again. What became ready in between is not
   * signalled later: after letting them through look at `behind` (`tellsWork`), or call wait(0) and look.
   */
  mute(isMuted: boolean): void {
    const flags = isMuted ? constant.IORING_CQ_EVENTFD_DISABLED : 0;
    if (!this.#closed) Atomics.store(this.#words, this.#raw.at.cqFlags, flags);
  }

  /** io_uring_register(2), for this room. Throws HEADGATE_LINUX_SYSCALL naming `about`, HEADGATE_URING_CLOSED. */
  register(opcode: number, argument: Uint8Array | null, count: number, about: string): number {
    if (this.#closed) throw closedError();
    const answer = kernel().register(this.fd, opcode, argument, count);
    if (answer < 0) throw syscallError('io_uring_register', -answer, about);
    return answer;
  }

  /**
   * Runs `release` when the ring is closed, after everything under way was cancelled and before the descriptor goes;
   * latest first. Returns a function that forgets it.
   */
  adopt(release: () => void): () => void {
    this.#owned.add(release);
    return () => this.#owned.delete(release);
  }

  /**
   * Cancels what is under way and waits for it (one second at the most), releases what was adopted, then the
   * descriptor and the mappings. Completions not drained are lost. Idempotent; also from within drain().
   */
  close(): void {
    if (this.#closed) return;
    const raw = this.#raw;
    cancelEverything(this.fd);
    // Lets requests that were cancelled just now drop their files, so that sockets are closed when this returns.
    kernel().enter(this.fd, 0, 0, constant.IORING_ENTER_GETEVENTS, 0, 0);
    try {
      for (const release of [...this.#owned].reverse()) release();
    } finally {
      this.#owned.clear();
      this.#closed = true;
      kernel().close(this.fd);
      raw.rings.free();
      raw.sqes.free();
      this.#scratch.free();
      // A full queue: sqe() and reserve() look closer and tell that the ring is closed.
      this.#sqHead = (this.#sqTail - this.entries) >>> 0;
    }
  }

  #isOverflown(): boolean {
    return (this.#sqFlags() & constant.IORING_SQ_CQ_OVERFLOW) !== 0;
  }

  #sqFlags(): number {
    return Atomics.load(this.#words, this.#raw.at.sqFlags);
  }

  #drainQueue(handle: CompletionHandler, most: number): number {
    const words = this.#words;
    const first = this.#raw.at.cqes;
    const mask = this.#cqMask;
    const tail = Atomics.load(words, this.#raw.at.cqTail);
    let told = 0;
    try {
      while (this.#cqHead !== tail && told < most && !this.#closed) {
        const at = first + (this.#cqHead & mask) * cqeWords;
        this.#cqHead = (this.#cqHead + 1) >>> 0;
        told++;
        handle(words[at]!, words[at + 1]!, words[at + 2]! | 0, words[at + 3]!);
      }
    } finally {
      this.stats.completed += told;
      this.#publishHead();
    }
    return told;
  }

  #publishHead(): void {
    if (!this.#closed) Atomics.store(this.#words, this.#raw.at.cqHead, this.#cqHead);
  }

  #makeRoom(count: number): void {
    if (this.#closed) throw closedError();
    if (count > this.entries) {
      const message = `${count} requests in a row do not fit into ${this.entries} entries`;
      throw new HeadgateError('HEADGATE_URING_SIZE', message);
    }
    this.stats.queueFull++;
    for (let tries = 0; tries < submitTries; tries++) {
      this.#enter(0, 0, 0);
      if (this.entries - this.queued >= count) return;
    }
    throw new HeadgateError('HEADGATE_URING_QUEUE_FULL', `the kernel takes none of ${this.queued} requests`);
  }

  #enter(least: number, argument: number, argumentBytes: number): number {
    if (this.#closed) throw closedError();
    const { at } = this.#raw;
    const words = this.#words;
    const before = this.queued;
    // Completions told so far make room for those of this call.
    this.#publishHead();
    Atomics.store(words, at.sqTail, this.#sqTail);
    let flags = this.#alwaysFlags;
    if (least > 0 || this.#isOverflown()) flags |= constant.IORING_ENTER_GETEVENTS;
    if (argument !== 0) flags |= constant.IORING_ENTER_EXT_ARG;
    const answer = kernel().enter(this.fd, before, least, flags, argument, argumentBytes);
    this.stats.enters++;
    // The kernel's own count of what it took: right also when waiting failed after submitting.
    this.#sqHead = Atomics.load(words, at.sqHead);
    this.stats.dropped = Atomics.load(words, at.cqOverflow);
    const taken = before - this.queued;
    this.stats.submitted += taken;
    if (taken < before) this.stats.refusals++;
    if (answer < 0 && !harmless.has(-answer)) throw syscallError('io_uring_enter', -answer);
    return taken;
  }
}

/**
 * Answers of io_uring_enter() that the counters tell already: a signal, the end of a bounded wait, no memory for requests
 * or completions, completions lost.
 */
const harmless: ReadonlySet<number> = new Set([
  constant.EINTR,
  constant.ETIME,
  constant.EAGAIN,
  constant.EBUSY,
  constant.ENOMEM,
  constant.EBADR,
]);

function closedError(): HeadgateError {
  return new HeadgateError('HEADGATE_URING_CLOSED', 'the ring is closed');
}
