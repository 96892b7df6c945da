import { assemblyError } from './error.ts';
import { instruction, type Instruction } from './instruction.ts';
import { ATOMIC_FETCH, AtomicCode, Class, Mode } from './opcode.ts';
import type { Register } from './register.ts';
import { sizeBits } from './size.ts';

/** An atomic operation on the 4 or 8 bytes at `dst + offset`. */
type Atomic = (dst: Register, offset: number, src: Register, size: number, comment?: string) => Instruction;

function operation(code: number): Atomic {
  return (dst, offset, src, size, comment) => {
    if (size !== 4 && size !== 8)
      throw assemblyError(`an atomic operation is 4 or 8 bytes wide, not ${size}`);
    const opcode = Class.StoreX | Mode.Atomic | sizeBits(size);
    return instruction({ opcode, dst, src, offset, immediate: code }, comment);
  };
}

/** Atomic operations; those with fetch give the old value back in `src`. */
export const atomic = Object.freeze({
  add: operation(AtomicCode.Add),
  or: operation(AtomicCode.Or),
  and: operation(AtomicCode.And),
  xor: operation(AtomicCode.Xor),
  fetchAdd: operation(AtomicCode.Add | ATOMIC_FETCH),
  fetchOr: operation(AtomicCode.Or | ATOMIC_FETCH),
  fetchAnd: operation(AtomicCode.And | ATOMIC_FETCH),
  fetchXor: operation(AtomicCode.Xor | ATOMIC_FETCH),
  /** Swaps `src` and memory. */
  exchange: operation(AtomicCode.Exchange),
  /** Stores `src` when memory equals R0; R0 becomes what memory held before. */
  compareExchange: operation(AtomicCode.CompareExchange),
});
