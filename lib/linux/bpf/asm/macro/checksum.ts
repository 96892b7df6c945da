import { add, and, mov, rsh } from '../alu.ts';
import { explain } from '../code.ts';
import type { Item } from '../instruction.ts';
import type { Register } from '../register.ts';

/**
 * Folds a sum of 16-bit words (ones' complement, RFC 1071) of up to 32 bits to 16.
 *
 * - in and out: `sum`
 * - clobbers `scratch`
 */
export function foldChecksum(sum: Register, scratch: Register): readonly Item[] {
  // Twice: adding the carries can carry once more.
  const once = [mov.reg(scratch, sum), rsh.imm(scratch, 16), and.imm(sum, 0xffff), add.reg(sum, scratch)];
  return explain('fold the checksum to 16 bits', once, once);
}
