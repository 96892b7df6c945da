import type { FieldPlace } from '../../../../layout/index.ts';
import { assemblyError } from '../error.ts';
import type { Instruction, Item } from '../instruction.ts';
import { loadMem, storeImm, storeMem } from '../load-store.ts';
import { R10, type Register } from '../register.ts';

/**
 * `dst` = the field at `place` of the struct at `base + shift`; bits as they lie in memory (a be16 is not
 * turned).
 */
export function loadField(
  dst: Register,
  base: Register,
  place: FieldPlace,
  shift = 0,
  comment?: string,
): Instruction {
  return loadMem(dst, base, shift + place.offset, place.size, comment);
}

/** The field at `place` of the struct at `base + shift` = `src`; bits as they lie in the register. */
export function storeField(
  base: Register,
  place: FieldPlace,
  src: Register,
  shift = 0,
  comment?: string,
): Instruction {
  return storeMem(base, shift + place.offset, src, place.size, comment);
}

/** Widest pieces first, none across a multiple of its size: what the verifier wants on the stack. */
function pieces(offsets: readonly number[], bytes: number): { readonly at: number; readonly size: number }[] {
  const found: { at: number; size: number }[] = [];
  for (let at = 0; at < bytes;) {
    const size = [8, 4, 2, 1].find(
      (width) => width <= bytes - at && offsets.every((offset) => (offset + at) % width === 0),
    );
    if (size === undefined) throw assemblyError(`cannot cut ${bytes} bytes into pieces`);
    found.push({ at, size });
    at += size;
  }
  return found;
}

/** Writes `bytes` zeros to the stack at `offset` (negative). Clobbers nothing. */
export function zeroStack(offset: number, bytes: number): readonly Item[] {
  if (offset >= 0 || offset + bytes > 0 || offset < -512) {
    throw assemblyError(`the stack reaches from -512 to -1, not from ${offset} to ${offset + bytes - 1}`);
  }
  return pieces([offset], bytes).map(({ at, size }) => storeImm(R10, offset + at, 0, size));
}

/**
 * Copies `bytes` bytes from `src + srcOffset` to `dst + dstOffset`, unrolled. Clobbers `scratch`.
 */
export function copyBytes(
  dst: Register,
  dstOffset: number,
  src: Register,
  srcOffset: number,
  bytes: number,
  scratch: Register,
): readonly Item[] {
  return pieces([dstOffset, srcOffset], bytes).flatMap(({ at, size }) => [
    loadMem(scratch, src, srcOffset + at, size),
    storeMem(dst, dstOffset + at, scratch, size),
  ]);
}
