import { IORING_TIMEOUT_MULTISHOT } from '../abi/constants.ts';
import { opcodes } from '../abi/opcodes.ts';
import type { Sqe } from '../sqe.ts';

const noDescriptor = -1;

/**
 * Completes with ETIME after the struct __kernel_timespec at `timespecAt` (read at submission), or with 0 once `count`
 * other completions have come (0: by time only). Kernel 5.4.
 */
export function prepareTimeout(sqe: Sqe, timespecAt: number, count = 0): Sqe {
  return sqe.operation(opcodes.timeout, noDescriptor).address(timespecAt).length(1).offset(count);
}

/** A timer that completes with ETIME again and again, IORING_CQE_F_MORE each time. Kernel 6.4. */
export function prepareInterval(sqe: Sqe, timespecAt: number): Sqe {
  return sqe
    .operation(opcodes.timeout, noDescriptor)
    .address(timespecAt)
    .length(1)
    .operationFlags(IORING_TIMEOUT_MULTISHOT);
}

/** Ends the timeout with this user data; it completes with ECANCELED. Result 0 or ENOENT. Kernel 5.5. */
export function prepareTimeoutRemove(sqe: Sqe, low: number, high: number): Sqe {
  return sqe.operation(opcodes.timeoutRemove, noDescriptor).addressHalves(low, high);
}

/**
 * Bounds the request written just before, which must have been link()ed: when the time is over that one completes with
 * ECANCELED and this one with ETIME; else this one completes with ECANCELED. Kernel 5.5.
 */
export function prepareLinkTimeout(sqe: Sqe, timespecAt: number): Sqe {
  return sqe.operation(opcodes.linkTimeout, noDescriptor).address(timespecAt).length(1);
}
