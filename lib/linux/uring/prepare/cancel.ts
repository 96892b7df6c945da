import {
  IORING_ASYNC_CANCEL_ALL,
  IORING_ASYNC_CANCEL_FD,
  IORING_ASYNC_CANCEL_FD_FIXED,
} from '../abi/constants.ts';
import { opcodes } from '../abi/opcodes.ts';
import { isDirect, slotOf, type Descriptor } from '../descriptor.ts';
import type { Sqe } from '../sqe.ts';

/** Nothing is worked on. */
const noDescriptor = -1;

/**
 * Cancels a request with this user data. Result 0; ENOENT: there is none (any more); EALREADY: it is running and will
 * complete by itself. The cancelled request completes too, with ECANCELED or with what it had done by then. Of several
 * with the same user data two cancellations may find the same one. Kernel 5.5.
 */
export function prepareCancel(sqe: Sqe, low: number, high: number): Sqe {
  return sqe.operation(opcodes.asyncCancel, noDescriptor).addressHalves(low, high);
}

/** Cancels every request on a descriptor. Result: how many were found. Kernel 5.19. */
export function prepareCancelDescriptor(sqe: Sqe, descriptor: Descriptor): Sqe {
  const flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL;
  // Which table is said by the flag; IOSQE_FIXED_FILE would be refused here.
  return isDirect(descriptor)
    ? sqe
        .operation(opcodes.asyncCancel, slotOf(descriptor))
        .operationFlags(flags | IORING_ASYNC_CANCEL_FD_FIXED)
    : sqe.operation(opcodes.asyncCancel, descriptor).operationFlags(flags);
}
