import { asm } from '../../../lib/linux/bpf/index.ts';

const { R7 } = asm;

/**
 * Adds the 32-bit words of the packet (base R7) from `at`, `bytes` long, to `sum`. Clobbers `scratch`. The
 * Internet checksum may be summed in words of any width and order, folded at the end (RFC 1071 2).
 */
export function addWords(sum: asm.Register, scratch: asm.Register, at: number, bytes: number): asm.Code {
  if (bytes % 4 !== 0) throw new RangeError(`${bytes} bytes are not whole words`);
  return Array.from({ length: bytes / 4 }, (_, word) => [
    asm.loadMem(scratch, R7, at + word * 4, 4),
    asm.add.reg(sum, scratch),
  ]).flat();
}

/** Folds a 64-bit sum to 16 bits and inverts it. Clobbers `scratch`. */
export function finishChecksum(sum: asm.Register, scratch: asm.Register): asm.Code {
  return [foldSum(sum, scratch), asm.xor.imm(sum, 0xffff)];
}

/** Folds a 64-bit sum to 16 bits. Clobbers `scratch`. */
export function foldSum(sum: asm.Register, scratch: asm.Register): asm.Code {
  return [
    asm.mov.reg(scratch, sum),
    asm.rsh.imm(scratch, 32),
    asm.mov.reg32(sum, sum),
    asm.add.reg(sum, scratch),
    // 33 bits; the first fold leaves 18, which foldChecksum brings to 16.
    asm.mov.reg(scratch, sum),
    asm.rsh.imm(scratch, 16),
    asm.and.imm(sum, 0xffff),
    asm.add.reg(sum, scratch),
    asm.foldChecksum(sum, scratch),
  ];
}

/**
 * Brings the checksum in the packet at `at` up to date (RFC 1624, equation 3) after something changed whose old words,
 * inverted, and new words are summed up in `change`. Clobbers `sum` and `scratch`.
 *
 * - out: `sum`, the new checksum
 */
export function updateBySum(
  at: number,
  change: asm.Register,
  sum: asm.Register,
  scratch: asm.Register,
): asm.Code {
  return [
    asm.loadMem(sum, R7, at, 2),
    asm.xor.imm(sum, 0xffff),
    asm.add.reg(sum, change),
    finishChecksum(sum, scratch),
    asm.storeMem(R7, at, sum, 2),
  ];
}

/**
 * Brings the checksum in the packet at `at` up to date after a 16-bit word changed (RFC 1624, equation 3);
 * both words as they lie in memory.
 *
 * - in: `before`; `after`, a constant or a register that is lost
 * - clobbers `before`, `sum`
 */
export function updateWord(
  at: number,
  before: asm.Register,
  after: number,
  sum: asm.Register,
  scratch: asm.Register,
): asm.Code {
  return [
    asm.loadMem(sum, R7, at, 2),
    asm.xor.imm(sum, 0xffff),
    asm.xor.imm(before, 0xffff),
    asm.add.reg(sum, before),
    asm.add.imm(sum, after),
    asm.foldChecksum(sum, scratch),
    asm.xor.imm(sum, 0xffff),
    asm.storeMem(R7, at, sum, 2),
  ];
}
