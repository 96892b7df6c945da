import { assemblyError } from './error.ts';
import { instruction, type Instruction } from './instruction.ts';
import { WIDE_OPCODE, WidePseudo } from './opcode.ts';
import type { Register } from './register.ts';

/** A map by its name in the collection, resolved when loading, or by its descriptor. */
export type MapReference = string | number;

/** `dst = value`, any 64 bits, signed or unsigned. Takes two slots. */
export function loadImm64(dst: Register, value: bigint | number, comment?: string): Instruction {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw assemblyError(`the number ${value} is not a safe integer; give a bigint`);
  }
  const bits = BigInt(value);
  if (bits < -(2n ** 63n) || bits >= 2n ** 64n)
    throw assemblyError(`the immediate ${bits} does not fit 64 bits`);
  return instruction(
    {
      opcode: WIDE_OPCODE,
      dst,
      src: WidePseudo.Number,
      immediate: Number(BigInt.asIntN(32, bits)),
      upper: Number(BigInt.asIntN(32, bits >> 32n)),
    },
    comment,
  );
}

/** `dst` = the map, as helpers take it. Takes two slots. */
export function loadMap(dst: Register, map: MapReference, comment?: string): Instruction {
  return mapLoad(dst, WidePseudo.MapFd, map, 0, comment);
}

/**
 * `dst` = address of byte `offset` in the value of an array map with one entry, without a lookup
 * (BPF_PSEUDO_MAP_VALUE). Takes two slots.
 */
export function loadMapValue(
  dst: Register,
  map: MapReference,
  offset: number,
  comment?: string,
): Instruction {
  if (!Number.isInteger(offset) || offset < 0 || offset > 0x7fff_ffff) {
    throw assemblyError(`the offset ${offset} does not lie in a map value`);
  }
  return mapLoad(dst, WidePseudo.MapValue, map, offset, comment);
}

function mapLoad(
  dst: Register,
  src: number,
  map: MapReference,
  upper: number,
  comment: string | undefined,
): Instruction {
  const reference = typeof map === 'string' ? { map } : { immediate: map };
  return instruction({ opcode: WIDE_OPCODE, dst, src, upper, ...reference }, comment);
}
