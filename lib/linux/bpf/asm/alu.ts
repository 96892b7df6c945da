import { bitsImmediate, instruction, signedImmediate, type Instruction } from './instruction.ts';
import { AluCode, Class, Source } from './opcode.ts';
import type { Register } from './register.ts';

/** An arithmetic operation in its four forms; the 32-bit forms clear the upper half of `dst`. */
export interface AluOperation {
  /** 64 bits; the immediate is extended with its sign. */
  imm(dst: Register, value: number, comment?: string): Instruction;
  /** 64 bits. */
  reg(dst: Register, src: Register, comment?: string): Instruction;
  /** 32 bits; the immediate may be given signed or unsigned. */
  imm32(dst: Register, value: number, comment?: string): Instruction;
  /** 32 bits. */
  reg32(dst: Register, src: Register, comment?: string): Instruction;
}

/** `offset` 1 makes div and mod signed. */
function operation(code: number, offset = 0): AluOperation {
  const imm64 = code | Class.Alu64 | Source.Immediate;
  const reg64 = code | Class.Alu64 | Source.Register;
  const imm32 = code | Class.Alu32 | Source.Immediate;
  const reg32 = code | Class.Alu32 | Source.Register;
  return Object.freeze<AluOperation>({
    imm: (dst, value, comment) =>
      instruction({ opcode: imm64, dst, offset, immediate: signedImmediate(value) }, comment),
    reg: (dst, src, comment) => instruction({ opcode: reg64, dst, src, offset }, comment),
    imm32: (dst, value, comment) =>
      instruction({ opcode: imm32, dst, offset, immediate: bitsImmediate(value, 32) }, comment),
    reg32: (dst, src, comment) => instruction({ opcode: reg32, dst, src, offset }, comment),
  });
}

export const add = operation(AluCode.Add);
export const sub = operation(AluCode.Sub);
export const mul = operation(AluCode.Mul);
/** Unsigned; division by zero gives 0. */
export const div = operation(AluCode.Div);
/** Signed division. */
export const sdiv = operation(AluCode.Div, 1);
export const or = operation(AluCode.Or);
export const and = operation(AluCode.And);
/** Left shift; the verifier refuses an immediate of the operand's width or more. */
export const lsh = operation(AluCode.Lsh);
/** Right shift that fills with zeros. */
export const rsh = operation(AluCode.Rsh);
/** Right shift that fills with the sign. */
export const arsh = operation(AluCode.Arsh);
/** Unsigned remainder; modulo zero leaves `dst`. */
export const mod = operation(AluCode.Mod);
/** Signed remainder. */
export const smod = operation(AluCode.Mod, 1);
export const xor = operation(AluCode.Xor);
export const mov = operation(AluCode.Mov);

/** Two's complement of `dst`. */
export const neg = Object.freeze({
  reg: (dst: Register, comment?: string) => instruction({ opcode: AluCode.Neg | Class.Alu64, dst }, comment),
  reg32: (dst: Register, comment?: string) =>
    instruction({ opcode: AluCode.Neg | Class.Alu32, dst }, comment),
});

/** Moves the low `bits` bits of `src` to `dst`, extended with their sign (BPF_MOVSX). */
export const movSigned = Object.freeze({
  reg: (dst: Register, src: Register, bits: 8 | 16 | 32, comment?: string) =>
    instruction({ opcode: AluCode.Mov | Class.Alu64 | Source.Register, dst, src, offset: bits }, comment),
  reg32: (dst: Register, src: Register, bits: 8 | 16, comment?: string) =>
    instruction({ opcode: AluCode.Mov | Class.Alu32 | Source.Register, dst, src, offset: bits }, comment),
});
