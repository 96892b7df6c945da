import { bitsImmediate, instruction, signedImmediate, type Instruction } from './instruction.ts';
import { Class, Mode } from './opcode.ts';
import type { Register } from './register.ts';
import { sizeBits } from './size.ts';

/** `dst = *(size *)(src + offset)`, the bits above `size` become 0. `size` in bytes: 1, 2, 4 or 8. */
export function loadMem(
  dst: Register,
  src: Register,
  offset: number,
  size: number,
  comment?: string,
): Instruction {
  return instruction({ opcode: Class.LoadX | Mode.Memory | sizeBits(size), dst, src, offset }, comment);
}

/** `dst = *(size *)(src + offset)`, extended with its sign (BPF_MEMSX). */
export function loadMemSigned(
  dst: Register,
  src: Register,
  offset: number,
  size: 1 | 2 | 4,
  comment?: string,
): Instruction {
  return instruction({ opcode: Class.LoadX | Mode.MemorySigned | sizeBits(size), dst, src, offset }, comment);
}

/** `*(size *)(dst + offset) = src`. `size` in bytes: 1, 2, 4 or 8. */
export function storeMem(
  dst: Register,
  offset: number,
  src: Register,
  size: number,
  comment?: string,
): Instruction {
  return instruction({ opcode: Class.StoreX | Mode.Memory | sizeBits(size), dst, src, offset }, comment);
}

/** `*(size *)(dst + offset) = value`; 8 bytes are written with the sign of a 32-bit value. */
export function storeImm(
  dst: Register,
  offset: number,
  value: number,
  size: number,
  comment?: string,
): Instruction {
  const opcode = Class.Store | Mode.Memory | sizeBits(size);
  const immediate =
    size === 8 ? signedImmediate(value) : bitsImmediate(value, size === 1 ? 8 : size === 2 ? 16 : 32);
  return instruction({ opcode, dst, offset, immediate }, comment);
}
