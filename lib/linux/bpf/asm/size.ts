import { assemblyError } from './error.ts';

/** Width of a load or store in bytes; the `size` of a layout's field can be used as it is. */
export type Size = 1 | 2 | 4 | 8;

export const Size = { Byte: 1, Half: 2, Word: 4, DWord: 8 } as const;

const BITS: Readonly<Record<Size, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };
const WIDTHS: Readonly<Record<number, Size>> = { 0x10: 1, 0x08: 2, 0x00: 4, 0x18: 8 };

/** The size bits of an opcode. Throws HEADGATE_BPF_ASSEMBLY when no load is `bytes` wide. */
export function sizeBits(bytes: number): number {
  if (bytes !== 1 && bytes !== 2 && bytes !== 4 && bytes !== 8) {
    throw assemblyError(`a load or store is 1, 2, 4 or 8 bytes wide, not ${bytes}`);
  }
  return BITS[bytes];
}

/** The width in bytes that the size bits of `opcode` mean. */
export function opcodeSize(opcode: number): Size {
  return WIDTHS[opcode & 0x18] ?? Size.Word;
}
