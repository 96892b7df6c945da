import { opcodes } from '../abi/opcodes.ts';
import { direct, isDirect, slotOf, type Descriptor } from '../descriptor.ts';
import type { Sqe } from '../sqe.ts';

/** close(2), or the emptying of a slot of the direct table. Result 0. Plain: kernel 5.6, direct: 5.15. */
export function prepareClose(sqe: Sqe, descriptor: Descriptor): Sqe {
  return isDirect(descriptor)
    ? sqe.operation(opcodes.close, 0).fileIndex(slotOf(descriptor) + 1)
    : sqe.operation(opcodes.close, descriptor);
}

/**
 * Gives the direct descriptor in `slot` a plain one as well, close-on-exec. Result: the plain descriptor, which the
 * caller closes. For what direct descriptors cannot do (getsockname, getsockopt, dup). Kernel 6.8.
 */
export function prepareInstall(sqe: Sqe, slot: number): Sqe {
  return sqe.operation(opcodes.fixedFdInstall, direct(slot));
}
