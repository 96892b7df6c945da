import {
  IORING_RECV_MULTISHOT,
  IORING_RECVSEND_BUNDLE,
  IORING_RECVSEND_POLL_FIRST,
  MSG_NOSIGNAL,
} from '../abi/constants.ts';
import { opcodes } from '../abi/opcodes.ts';
import type { Descriptor } from '../descriptor.ts';
import type { Sqe } from '../sqe.ts';

/**
 * send(2), always with MSG_NOSIGNAL. Result: bytes sent; with MSG_WAITALL among `flags` that is all of them unless the
 * connection broke or the request was cancelled midway. The memory must stay until the completion. Kernel 5.6.
 */
export function prepareSend(sqe: Sqe, socket: Descriptor, at: number, bytes: number, flags = 0): Sqe {
  return sqe
    .operation(opcodes.send, socket)
    .address(at)
    .length(bytes)
    .operationFlags(flags | MSG_NOSIGNAL);
}

/** recv(2) into memory that must stay until the completion. Result: bytes, 0 at the end. Kernel 5.6. */
export function prepareReceive(sqe: Sqe, socket: Descriptor, at: number, bytes: number, flags = 0): Sqe {
  return sqe.operation(opcodes.recv, socket).address(at).length(bytes).operationFlags(flags);
}

/** How a receive takes buffers of a group. */
export interface ProvidedReceive {
  /** Most bytes of one completion; 0: what a buffer holds. With multishot 6.17, else 5.7. */
  readonly mostBytes?: number;
  /** Bytes after which a multishot receive ends by itself (no IORING_CQE_F_MORE); 0: never. Kernel 6.17. */
  readonly totalBytes?: number;
  /** One completion may cover several buffers, BufferGroup.next() tells which. Kernel 6.10. */
  readonly bundle?: boolean;
  /** Waits for data before it tries: cheaper when there is surely none yet. Kernel 5.19. */
  readonly pollFirst?: boolean;
}

const takeOne: ProvidedReceive = {};

/** recv(2) into one buffer of `group`, chosen when data has come; ENOBUFS when there is none. Kernel 5.19. */
export function prepareReceiveProvided(
  sqe: Sqe,
  socket: Descriptor,
  group: number,
  how: ProvidedReceive = takeOne,
): Sqe {
  return sqe
    .operation(opcodes.recv, socket, priorityOf(how))
    .length(how.mostBytes ?? 0)
    .selectBuffer(group);
}

/**
 * Receives again and again into buffers of `group`: one completion per piece, IORING_CQE_F_MORE while it goes on. It
 * ends with 0 (end of stream), an error, ENOBUFS (no buffer; arm it again when there are some) or `totalBytes`. The end
 * may come without F_MORE on a completion that carries data: arm again then. Kernel 6.0.
 */
export function prepareReceiveMultishot(
  sqe: Sqe,
  socket: Descriptor,
  group: number,
  how: ProvidedReceive = takeOne,
): Sqe {
  return sqe
    .operation(opcodes.recv, socket, priorityOf(how) | IORING_RECV_MULTISHOT)
    .length(how.mostBytes ?? 0)
    .fileIndex(how.totalBytes ?? 0)
    .selectBuffer(group);
}

function priorityOf({ bundle = false, pollFirst = false }: ProvidedReceive): number {
  return (bundle ? IORING_RECVSEND_BUNDLE : 0) | (pollFirst ? IORING_RECVSEND_POLL_FIRST : 0);
}

/** sendmsg(2) with MSG_NOSIGNAL. `messageAt` is a struct user_msghdr (msghdrStruct), needed until the submission. */
export function prepareSendMessage(sqe: Sqe, socket: Descriptor, messageAt: number, flags = 0): Sqe {
  return sqe
    .operation(opcodes.sendmsg, socket)
    .address(messageAt)
    .length(1)
    .operationFlags(flags | MSG_NOSIGNAL);
}

/** recvmsg(2). The struct user_msghdr and all it points at must stay until the completion. */
export function prepareReceiveMessage(sqe: Sqe, socket: Descriptor, messageAt: number, flags = 0): Sqe {
  return sqe.operation(opcodes.recvmsg, socket).address(messageAt).length(1).operationFlags(flags);
}

/** read(2), or pread(2) with an `offset` of 0 or more. Kernel 5.6. */
export function prepareRead(sqe: Sqe, file: Descriptor, at: number, bytes: number, offset = -1): Sqe {
  return withOffset(sqe.operation(opcodes.read, file).address(at).length(bytes), offset);
}

/** write(2), or pwrite(2) with an `offset` of 0 or more. Kernel 5.6. */
export function prepareWrite(sqe: Sqe, file: Descriptor, at: number, bytes: number, offset = -1): Sqe {
  return withOffset(sqe.operation(opcodes.write, file).address(at).length(bytes), offset);
}

function withOffset(sqe: Sqe, offset: number): Sqe {
  return offset < 0 ? sqe.offsetHalves(0xffff_ffff, 0xffff_ffff) : sqe.offset(offset);
}
