import { bitsImmediate, instruction, signedImmediate, type Instruction } from './instruction.ts';
import { Class, JumpCode, Source } from './opcode.ts';
import type { Register } from './register.ts';

/**
 * A conditional jump in its four forms: `dst` compared with an immediate or a register, 64 or 32 bits of
 * them.
 */
export interface Jump {
  /** The immediate is extended with its sign to 64 bits, also in unsigned comparisons. */
  imm(dst: Register, value: number, target: string, comment?: string): Instruction;
  reg(dst: Register, src: Register, target: string, comment?: string): Instruction;
  /** Compares the lower halves; the immediate may be given signed or unsigned. */
  imm32(dst: Register, value: number, target: string, comment?: string): Instruction;
  reg32(dst: Register, src: Register, target: string, comment?: string): Instruction;
}

function jump(code: number): Jump {
  const imm64 = code | Class.Jump | Source.Immediate;
  const reg64 = code | Class.Jump | Source.Register;
  const imm32 = code | Class.Jump32 | Source.Immediate;
  const reg32 = code | Class.Jump32 | Source.Register;
  return Object.freeze<Jump>({
    imm: (dst, value, target, comment) =>
      instruction({ opcode: imm64, dst, immediate: signedImmediate(value), target }, comment),
    reg: (dst, src, target, comment) => instruction({ opcode: reg64, dst, src, target }, comment),
    imm32: (dst, value, target, comment) =>
      instruction({ opcode: imm32, dst, immediate: bitsImmediate(value, 32), target }, comment),
    reg32: (dst, src, target, comment) => instruction({ opcode: reg32, dst, src, target }, comment),
  });
}

/** `==` */
export const jeq = jump(JumpCode.Equal);
/** `!=` */
export const jne = jump(JumpCode.NotEqual);
/** `>`, unsigned */
export const jgt = jump(JumpCode.Greater);
/** `>=`, unsigned */
export const jge = jump(JumpCode.GreaterEqual);
/** `<`, unsigned */
export const jlt = jump(JumpCode.Less);
/** `<=`, unsigned */
export const jle = jump(JumpCode.LessEqual);
/** `&`: jumps when a bit is set in both */
export const jset = jump(JumpCode.Set);
/** `>`, signed */
export const jsgt = jump(JumpCode.SignedGreater);
/** `>=`, signed */
export const jsge = jump(JumpCode.SignedGreaterEqual);
/** `<`, signed */
export const jslt = jump(JumpCode.SignedLess);
/** `<=`, signed */
export const jsle = jump(JumpCode.SignedLessEqual);

/** Always jumps, at most 32,767 slots far. */
export function ja(target: string, comment?: string): Instruction {
  return instruction({ opcode: JumpCode.Always | Class.Jump, target }, comment);
}

/** Always jumps, as far as the program is long (BPF_JMP32 | BPF_JA, "gotol"). */
export function jaLong(target: string, comment?: string): Instruction {
  return instruction({ opcode: JumpCode.Always | Class.Jump32, target }, comment);
}

/** Ends the program, or returns from a called one; the result is R0. */
export function exit(comment?: string): Instruction {
  return instruction({ opcode: JumpCode.Exit | Class.Jump }, comment);
}
