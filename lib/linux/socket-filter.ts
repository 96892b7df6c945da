/** Classic BPF programs on sockets (Documentation/networking/filter.rst): the kernel asks them before a packet is queued. */
import { SO_ATTACH_FILTER, SOL_SOCKET } from './constants.ts';
import { syscallError } from './errno.ts';
import { libc } from './libc.ts';

/** struct sock_filter (include/uapi/linux/filter.h): operation, jumps when true and false, operand. */
export interface FilterInstruction {
  readonly code: number;
  readonly whenTrue?: number;
  readonly whenFalse?: number;
  readonly operand: number;
}

/** Opcodes of include/uapi/linux/bpf_common.h, as they are combined here. */
export const FilterCode = {
  /** A = 32 bits of the packet. */
  LoadWord: 0x20,
  /** A = 16 bits of the packet. */
  LoadHalf: 0x28,
  /** A = 16 bits of the packet, X bytes further. */
  LoadHalfIndexed: 0x48,
  /** X = four times the low half of a byte: the length of an IPv4 header. */
  LoadIpv4Length: 0xb1,
  JumpEqual: 0x15,
  JumpGreater: 0x25,
  JumpGreaterOrEqual: 0x35,
  /** Ends; takes that many bytes of the packet, 0 drops it. */
  Return: 0x06,
} as const;

/** Added to an offset: counted from the network header, wherever the packet begins for this socket (SKF_NET_OFF). */
export const fromNetworkHeader = 0xfff0_0000;

/** Whole packets. */
export const takeAll: FilterInstruction = { code: FilterCode.Return, operand: 0xffff_ffff };

/**
 * Drops everything. On a listening socket it silences the port: the kernel finds an owner for the packets, so it
 * answers no RST, and the owner never sees them. Needs no privilege.
 */
export const dropAll: readonly FilterInstruction[] = [{ code: FilterCode.Return, operand: 0 }];

/** BPF_MAXINSNS. */
export const filterInstructionsMost = 4_096;

/** sizeof(struct sock_filter), sizeof(struct sock_fprog) on 64-bit machines. */
const instructionBytes = 8;
const programBytes = 16;

/** The value of SO_ATTACH_FILTER; it points to `instructions`, which must be held as long as it is used. */
export interface EncodedFilter {
  readonly value: Buffer;
  readonly instructions: Buffer;
}

/** Throws RangeError for a program that is empty or too long, HEADGATE_LINUX_UNAVAILABLE. */
export function encodeFilter(program: readonly FilterInstruction[]): EncodedFilter {
  if (program.length === 0 || program.length > filterInstructionsMost) {
    throw new RangeError(
      `a socket filter has 1 to ${filterInstructionsMost} instructions, not ${program.length}`,
    );
  }
  const instructions = Buffer.alloc(program.length * instructionBytes);
  for (const [index, { code, whenTrue = 0, whenFalse = 0, operand }] of program.entries()) {
    const at = index * instructionBytes;
    instructions.writeUInt16LE(code, at);
    instructions.writeUInt8(whenTrue, at + 2);
    instructions.writeUInt8(whenFalse, at + 3);
    instructions.writeUInt32LE(operand, at + 4);
  }
  const value = Buffer.alloc(programBytes);
  value.writeUInt16LE(program.length, 0);
  value.writeBigUInt64LE(libc().address(instructions), 8);
  return { value, instructions };
}

/** Puts a filter on a socket, in the place of the one it has. Throws HEADGATE_LINUX_SYSCALL and what encodeFilter() throws. */
export function attachFilter(fd: number, program: readonly FilterInstruction[]): void {
  const { setsockopt, errno } = libc();
  const { value, instructions } = encodeFilter(program);
  const result = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, value, value.length);
  if (result < 0)
    throw syscallError('setsockopt', errno(), `SO_ATTACH_FILTER of ${instructions.length} bytes`);
}
