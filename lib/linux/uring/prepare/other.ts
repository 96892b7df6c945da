import { IORING_MSG_DATA } from '../abi/constants.ts';
import { opcodes } from '../abi/opcodes.ts';
import type { Sqe } from '../sqe.ts';

/** Does nothing. Result 0. Kernel 5.1. */
export function prepareNop(sqe: Sqe): Sqe {
  return sqe.operation(opcodes.nop, -1);
}

/**
 * Puts a completion into another ring: user data `low`, `high` and result `value`. Result here: 0; EBADFD when that ring
 * is not one, EOVERFLOW when its completion queue is full. Kernel 5.18.
 */
export function prepareRingMessage(sqe: Sqe, ringFd: number, value: number, low: number, high: number): Sqe {
  return sqe
    .operation(opcodes.msgRing, ringFd)
    .addressHalves(IORING_MSG_DATA, 0)
    .length(value)
    .offsetHalves(low, high);
}
