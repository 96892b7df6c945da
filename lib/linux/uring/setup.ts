import { HeadgateError } from '../../errors/index.ts';
import { errnoName, syscallError } from '../errno.ts';
import * as constant from './abi/constants.ts';
import { wordOf } from './abi/struct.ts';
import { paramsStruct, sqeStruct, cqeStruct } from './abi/structs.ts';
import { kernel } from './kernel.ts';
import { Memory } from './memory.ts';
import { readDisabledSysctl, unavailableReason } from './reasons.ts';

/**
 * How a ring runs, best first. `deferred`: one thread submits, and completions are made only while it is inside
 * io_uring_enter(); `direct`: entries are taken in ring order, without an array of indices.
 */
export const ringModes = {
  'deferred-direct':
    constant.IORING_SETUP_SUBMIT_ALL |
    constant.IORING_SETUP_SINGLE_ISSUER |
    constant.IORING_SETUP_DEFER_TASKRUN |
    constant.IORING_SETUP_TASKRUN_FLAG |
    constant.IORING_SETUP_NO_SQARRAY, // 6.6
  deferred:
    constant.IORING_SETUP_SUBMIT_ALL |
    constant.IORING_SETUP_SINGLE_ISSUER |
    constant.IORING_SETUP_DEFER_TASKRUN |
    constant.IORING_SETUP_TASKRUN_FLAG, // 6.1
  cooperative: constant.IORING_SETUP_SUBMIT_ALL | constant.IORING_SETUP_COOP_TASKRUN, // 5.19
  plain: 0,
} as const;

export type RingMode = keyof typeof ringModes;

/** Best first. */
export const ringModeNames = Object.keys(ringModes) as readonly RingMode[];

/** IORING_MAX_ENTRIES and IORING_MAX_CQ_ENTRIES (io_uring/io_uring.c). */
export const entriesMost = 32_768;
export const completionEntriesMost = 2 * entriesMost;

export interface RingOptions {
  /** Requests that can be written between two submissions; rounded up to a power of two, 1 to 32,768. */
  readonly entries: number;
  /** Completions that can wait; rounded up to a power of two; `entries` to 65,536. Default: four times `entries`. */
  readonly completionEntries?: number;
  /** Only this mode; default: the best the kernel has. */
  readonly mode?: RingMode;
}

/** A ring as the kernel made it. */
export interface RawRing {
  readonly fd: number;
  readonly mode: RingMode;
  readonly features: number;
  readonly sqEntries: number;
  readonly cqEntries: number;
  /** Heads, tails, flags and completions. */
  readonly rings: Memory;
  readonly sqes: Memory;
  /** Indices of `rings.u32`. */
  readonly at: {
    readonly sqHead: number;
    readonly sqTail: number;
    readonly sqFlags: number;
    readonly cqHead: number;
    readonly cqTail: number;
    readonly cqFlags: number;
    readonly cqOverflow: number;
    readonly cqes: number;
  };
}

/**
 * io_uring_setup(2) with the best flags there are, and its mappings. Throws HEADGATE_URING_UNAVAILABLE where io_uring is
 * missing or forbidden, HEADGATE_URING_SIZE for sizes out of range, HEADGATE_LINUX_SYSCALL (ENOMEM, EMFILE).
 */
export function setupRing(options: RingOptions): RawRing {
  const { entries, completionEntries = Math.min(4 * entries, completionEntriesMost), mode } = options;
  checkSize('entries', entries, 1, entriesMost);
  checkSize('completionEntries', completionEntries, entries, completionEntriesMost);
  let errno = 0;
  for (const name of mode === undefined ? ringModeNames : [mode]) {
    const params = new Uint32Array(paramsStruct.bytes / 4);
    params[wordOf(paramsStruct, 'flags')] = ringModes[name] | constant.IORING_SETUP_CQSIZE;
    params[wordOf(paramsStruct, 'cqEntries')] = completionEntries;
    const answer = kernel().setup(entries, new Uint8Array(params.buffer));
    if (answer >= 0) return mapRing(answer, name, params);
    errno = -answer;
    // EINVAL: a flag this kernel does not know. All else would be the same with fewer flags.
    if (errnoName(errno) !== 'EINVAL') break;
  }
  throw setupFailure(errno);
}

function setupFailure(errno: number): HeadgateError {
  const cause = syscallError('io_uring_setup', errno);
  const reason = unavailableReason(errnoName(errno), readDisabledSysctl());
  if (reason === undefined) return cause;
  return new HeadgateError('HEADGATE_URING_UNAVAILABLE', `io_uring is missing here: ${reason}`, { cause });
}

function mapRing(fd: number, mode: RingMode, params: Uint32Array): RawRing {
  const word = (field: Parameters<typeof wordOf<keyof typeof paramsStruct.at>>[1]): number =>
    params[wordOf(paramsStruct, field)]!;
  const sqEntries = word('sqEntries');
  const cqEntries = word('cqEntries');
  const features = word('features');
  let rings: Memory | undefined;
  try {
    if (
      (features & constant.IORING_FEAT_SINGLE_MMAP) === 0 ||
      (features & constant.IORING_FEAT_NODROP) === 0
    ) {
      const message = 'io_uring is missing here: this kernel is older than 5.5';
      throw new HeadgateError('HEADGATE_URING_UNAVAILABLE', message);
    }
    const completionsEnd = word('cqCqes') + cqEntries * cqeStruct.bytes;
    const arrayEnd = word('sqArray') + sqEntries * 4;
    rings = Memory.ofRing(fd, Math.max(completionsEnd, arrayEnd), constant.IORING_OFF_SQ_RING);
    const sqes = Memory.ofRing(fd, sqEntries * sqeStruct.bytes, constant.IORING_OFF_SQES);
    if (mode !== 'deferred-direct') {
      // The array of indices stays as it is: entry i is always request i.
      const first = word('sqArray') / 4;
      for (let index = 0; index < sqEntries; index++) rings.u32[first + index] = index;
    }
    const at = {
      sqHead: word('sqHead') / 4,
      sqTail: word('sqTail') / 4,
      sqFlags: word('sqFlags') / 4,
      cqHead: word('cqHead') / 4,
      cqTail: word('cqTail') / 4,
      cqFlags: word('cqFlags') / 4,
      cqOverflow: word('cqOverflow') / 4,
      cqes: word('cqCqes') / 4,
    };
    return { fd, mode, features, sqEntries, cqEntries, rings, sqes, at };
  } catch (error) {
    rings?.free();
    kernel().close(fd);
    throw error;
  }
}

/** Throws HEADGATE_URING_SIZE unless `value` is a whole number from `least` to `most`. */
export function checkSize(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  const message = `${name} is ${value}, must be a whole number from ${least} to ${most}`;
  throw new HeadgateError('HEADGATE_URING_SIZE', message, { facts: { name, value, least, most } });
}
