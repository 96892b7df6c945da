import { IORING_ACCEPT_MULTISHOT, IORING_FILE_INDEX_ALLOC } from '../abi/constants.ts';
import { opcodes } from '../abi/opcodes.ts';
import { SOCK_CLOEXEC, SOCK_NONBLOCK } from '../../constants.ts';
import type { Descriptor } from '../descriptor.ts';
import type { Sqe } from '../sqe.ts';

/** For prepareAcceptDirect: the kernel chooses a slot of its range and answers which. */
export const anySlot = -1;

/**
 * accept4(2) with SOCK_CLOEXEC. Result: the descriptor. `addressAt`, when not 0, is room for a sockaddr, and `lengthAt`
 * a u32 with its size, replaced by the length; both must stay until the completion. Kernel 5.5.
 */
export function prepareAccept(sqe: Sqe, listener: Descriptor, addressAt = 0, lengthAt = 0): Sqe {
  return sqe
    .operation(opcodes.accept, listener)
    .address(addressAt)
    .offset(lengthAt)
    .operationFlags(SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/**
 * As prepareAccept, into the direct table: `slot` (result 0) or anySlot (result: the slot; ENFILE when none is free, and
 * then the connection is lost, so never have more of these under way than slots). Kernel 5.19.
 */
export function prepareAcceptDirect(
  sqe: Sqe,
  listener: Descriptor,
  slot: number,
  addressAt = 0,
  lengthAt = 0,
): Sqe {
  return sqe
    .operation(opcodes.accept, listener)
    .address(addressAt)
    .offset(lengthAt)
    .fileIndex(fileIndexOf(slot));
}

/**
 * Accepts until cancelled or failed: one completion per connection, IORING_CQE_F_MORE while it goes on. Result: the
 * descriptor. No address: the kernel would write all of them to one place. Kernel 5.19.
 */
export function prepareAcceptMultishot(sqe: Sqe, listener: Descriptor): Sqe {
  return sqe
    .operation(opcodes.accept, listener, IORING_ACCEPT_MULTISHOT)
    .operationFlags(SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/**
 * As prepareAcceptMultishot, into slots the kernel chooses. It ends with ENFILE when no slot is free, and the client it
 * had accepted for that is closed unseen: cancel it before the last slot is taken. Kernel 5.19.
 */
export function prepareAcceptMultishotDirect(sqe: Sqe, listener: Descriptor): Sqe {
  return sqe.operation(opcodes.accept, listener, IORING_ACCEPT_MULTISHOT).fileIndex(IORING_FILE_INDEX_ALLOC);
}

/** The field counts from 1; 0 means a plain descriptor. */
export function fileIndexOf(slot: number): number {
  return slot === anySlot ? IORING_FILE_INDEX_ALLOC : slot + 1;
}
