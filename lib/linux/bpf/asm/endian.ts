import { instruction, type Instruction } from './instruction.ts';
import { AluCode, Class, Source } from './opcode.ts';
import type { Register } from './register.ts';

/**
 * Converts the low `bits` bits of `dst` between big-endian and the machine's order; bits above them become 0.
 */
export function toBigEndian(dst: Register, bits: 16 | 32 | 64, comment?: string): Instruction {
  return instruction({ opcode: AluCode.End | Class.Alu32 | Source.Register, dst, immediate: bits }, comment);
}

/**
 * Converts between little-endian and the machine's order: on headgate's machines it only cuts to `bits` bits.
 */
export function toLittleEndian(dst: Register, bits: 16 | 32 | 64, comment?: string): Instruction {
  return instruction({ opcode: AluCode.End | Class.Alu32 | Source.Immediate, dst, immediate: bits }, comment);
}

/**
 * Swaps the bytes of the low `bits` bits of `dst` whatever the machine; bits above them become 0 (BPF_BSWAP).
 */
export function byteSwap(dst: Register, bits: 16 | 32 | 64, comment?: string): Instruction {
  return instruction({ opcode: AluCode.End | Class.Alu64, dst, immediate: bits }, comment);
}
