import { IORING_POLL_ADD_MULTI } from '../abi/constants.ts';
import { opcodes } from '../abi/opcodes.ts';
import type { Descriptor } from '../descriptor.ts';
import type { Sqe } from '../sqe.ts';

/** poll(2) for `events` (POLLIN, POLLOUT, POLLRDHUP …). Result: the events that are. Kernel 5.1. */
export function preparePoll(sqe: Sqe, descriptor: Descriptor, events: number): Sqe {
  return sqe.operation(opcodes.pollAdd, descriptor).operationFlags(events);
}

/** As preparePoll, one completion per change (edges), IORING_CQE_F_MORE while it goes on. Kernel 5.13. */
export function preparePollMultishot(sqe: Sqe, descriptor: Descriptor, events: number): Sqe {
  return sqe.operation(opcodes.pollAdd, descriptor).length(IORING_POLL_ADD_MULTI).operationFlags(events);
}

/** Ends the poll with this user data; it completes with ECANCELED. Result 0 or ENOENT. Kernel 5.1. */
export function preparePollRemove(sqe: Sqe, low: number, high: number): Sqe {
  return sqe.operation(opcodes.pollRemove, -1).addressHalves(low, high);
}
