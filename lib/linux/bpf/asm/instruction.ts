import { assemblyError } from './error.ts';
import { WIDE_OPCODE } from './opcode.ts';
import { isRegister, type Register } from './register.ts';

/**
 * One instruction, as data. Its bytes, little-endian (RFC 9669 section 3.1):
 *
 * ```
 * +--------+----+----+----------------+--------------------------------+
 * | opcode |dst |src |     offset     |           immediate            |
 * +--------+----+----+----------------+--------------------------------+
 *     8      4    4          16                       32                 bits
 * ```
 *
 * (dst is the low half of the second byte.) A 64-bit immediate load takes a second slot for its upper half.
 */
export interface Instruction {
  readonly kind: 'instruction';
  readonly opcode: number;
  readonly dst: Register;
  /** The source register, or a pseudo source. */
  readonly src: number;
  /** Signed 16 bits. */
  readonly offset: number;
  /** Signed 32 bits. */
  readonly immediate: number;
  /** The second slot's immediate; only in 64-bit immediate loads. */
  readonly upper?: number;
  /** The label this jump or call goes to; assemble() turns it into a distance in slots. */
  readonly target?: string;
  /** The map this load refers to by name; the loader puts its descriptor in. */
  readonly map?: string;
  /** Why this instruction is here; shown when the verifier refuses it. */
  readonly comment?: string;
}

/** A name for the place of the next instruction. Takes no slot. */
export interface Label {
  readonly kind: 'label';
  readonly name: string;
}

export type Item = Instruction | Label;

/** Instructions, labels and what macros return, nested as it comes. */
export type Code = Item | readonly Code[];

/** The fields of an instruction; what is left out is zero. */
export interface InstructionFields {
  readonly opcode: number;
  readonly dst?: Register;
  readonly src?: number;
  readonly offset?: number;
  readonly immediate?: number;
  readonly upper?: number;
  readonly target?: string;
  readonly map?: string;
}

/** Makes an instruction. Throws HEADGATE_BPF_ASSEMBLY when a field is out of its range. */
export function instruction(fields: InstructionFields, comment?: string): Instruction {
  const { opcode, dst = 0, src = 0, offset = 0, immediate = 0 } = fields;
  const where = comment === undefined ? '' : ` (${comment})`;
  if (!isRegister(dst)) throw assemblyError(`there is no register ${String(dst)}${where}`);
  if (!isRegister(src)) throw assemblyError(`there is no register ${src}${where}`);
  if (!Number.isInteger(offset) || offset < -0x8000 || offset > 0x7fff) {
    throw assemblyError(`the offset ${offset} does not fit 16 bits${where}`);
  }
  if ((immediate | 0) !== immediate)
    throw assemblyError(`the immediate ${immediate} does not fit 32 bits${where}`);
  return Object.freeze<Instruction>({
    kind: 'instruction',
    opcode,
    dst,
    src,
    offset,
    // -0 and 0 are the same bits but not the same to deepEqual.
    immediate: immediate + 0,
    ...(fields.upper === undefined ? {} : { upper: fields.upper | 0 }),
    ...(fields.target === undefined ? {} : { target: fields.target }),
    ...(fields.map === undefined ? {} : { map: fields.map }),
    ...(comment === undefined ? {} : { comment }),
  });
}

/** An immediate that an instruction extends with its sign to 64 bits: −2^31 to 2^31 − 1. */
export function signedImmediate(value: number): number {
  if ((value | 0) !== value) {
    throw assemblyError(
      `the immediate ${value} does not fit 32 signed bits; load it with loadImm64 or use the 32-bit form`,
    );
  }
  return value;
}

/** An immediate of which exactly `bits` bits count: −2^(bits−1) to 2^bits − 1. */
export function bitsImmediate(value: number, bits: 8 | 16 | 32): number {
  if (!Number.isInteger(value) || value < -(2 ** (bits - 1)) || value >= 2 ** bits) {
    throw assemblyError(`the immediate ${value} does not fit ${bits} bits`);
  }
  return value | 0;
}

/** Slots of 8 bytes an item takes: 2 for a 64-bit immediate load, 0 for a label, else 1. */
export function slotsOf(item: Item): 0 | 1 | 2 {
  if (item.kind === 'label') return 0;
  return item.opcode === WIDE_OPCODE ? 2 : 1;
}
