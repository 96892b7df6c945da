import { SOCK_CLOEXEC } from '../../constants.ts';
import { SOCKET_URING_OP_SETSOCKOPT } from '../abi/constants.ts';
import { opcodes } from '../abi/opcodes.ts';
import type { Descriptor } from '../descriptor.ts';
import type { Sqe } from '../sqe.ts';
import { fileIndexOf } from './accept.ts';

/** socket(2) with SOCK_CLOEXEC. Result: the descriptor. Kernel 5.19. */
export function prepareSocket(sqe: Sqe, domain: number, type: number, protocol: number): Sqe {
  return sqe
    .operation(opcodes.socket, domain)
    .offset(type | SOCK_CLOEXEC)
    .length(protocol);
}

/** socket(2) into the direct table: `slot` (result 0) or anySlot (result: the slot; ENFILE). Kernel 5.19. */
export function prepareSocketDirect(
  sqe: Sqe,
  domain: number,
  type: number,
  protocol: number,
  slot: number,
): Sqe {
  return sqe.operation(opcodes.socket, domain).offset(type).length(protocol).fileIndex(fileIndexOf(slot));
}

/** connect(2), asynchronous. `sockaddrAt` must stay until the submission. Result 0. Kernel 5.5. */
export function prepareConnect(sqe: Sqe, socket: Descriptor, sockaddrAt: number, sockaddrBytes: number): Sqe {
  return sqe.operation(opcodes.connect, socket).address(sockaddrAt).offset(sockaddrBytes);
}

/** bind(2), for the source address of a direct descriptor. `sockaddrAt` must stay until the submission. Result 0. Kernel 6.11. */
export function prepareBind(sqe: Sqe, socket: Descriptor, sockaddrAt: number, sockaddrBytes: number): Sqe {
  return sqe.operation(opcodes.bind, socket).address(sockaddrAt).offset(sockaddrBytes);
}

/** shutdown(2): SHUT_RD, SHUT_WR or SHUT_RDWR. Result 0. Kernel 5.11. */
export function prepareShutdown(sqe: Sqe, socket: Descriptor, how: number): Sqe {
  return sqe.operation(opcodes.shutdown, socket).length(how);
}

/**
 * setsockopt(2), the only way for a direct descriptor. `valueAt` must stay until the completion. Result 0; EOPNOTSUPP
 * from kernels before 6.7.
 */
export function prepareSetSocketOption(
  sqe: Sqe,
  socket: Descriptor,
  level: number,
  name: number,
  valueAt: number,
  valueBytes: number,
): Sqe {
  return sqe
    .operation(opcodes.uringCmd, socket)
    .offsetHalves(SOCKET_URING_OP_SETSOCKOPT, 0)
    .addressHalves(level, name)
    .fileIndex(valueBytes)
    .address3(valueAt);
}
