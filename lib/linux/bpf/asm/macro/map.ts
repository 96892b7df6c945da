import { add, mov } from '../alu.ts';
import { fn } from '../call.ts';
import { explain } from '../code.ts';
import type { Item } from '../instruction.ts';
import { loadMap, type MapReference } from '../load-imm64.ts';
import { R1, R2, R3, R4, R10, type Register } from '../register.ts';

/** What an update does when the key is there or not (BPF_ANY, BPF_NOEXIST, BPF_EXIST). */
export const UpdateFlag = { Any: 0, NoExist: 1, Exist: 2 } as const;

function stackAddress(dst: Register, offset: number): readonly Item[] {
  return [mov.reg(dst, R10), add.imm(dst, offset)];
}

/**
 * Looks a key up.
 *
 * - in: the key on the stack at `keyOffset` (negative, from the frame pointer)
 * - out: R0, the address of the value, or 0: check it before use
 * - clobbers R1 to R5
 */
export function lookupMap(map: MapReference, keyOffset: number): readonly Item[] {
  return explain(`look up in ${map}`, [
    loadMap(R1, map),
    stackAddress(R2, keyOffset),
    fn.mapLookupElem.call(),
  ]);
}

/**
 * Writes an entry.
 *
 * - in: key and value on the stack at `keyOffset` and `valueOffset`
 * - out: R0, 0 or a negative errno
 * - clobbers R1 to R5
 */
export function updateMap(
  map: MapReference,
  keyOffset: number,
  valueOffset: number,
  flag: 0 | 1 | 2 = UpdateFlag.Any,
): readonly Item[] {
  return explain(`update ${map}`, [
    loadMap(R1, map),
    stackAddress(R2, keyOffset),
    stackAddress(R3, valueOffset),
    mov.imm(R4, flag),
    fn.mapUpdateElem.call(),
  ]);
}

/**
 * Removes an entry.
 *
 * - in: the key on the stack at `keyOffset`
 * - out: R0, 0 or a negative errno
 * - clobbers R1 to R5
 */
export function deleteFromMap(map: MapReference, keyOffset: number): readonly Item[] {
  return explain(`delete from ${map}`, [
    loadMap(R1, map),
    stackAddress(R2, keyOffset),
    fn.mapDeleteElem.call(),
  ]);
}

/**
 * Goes on in the program at `index` of a program array and does not come back; when there is none, the next
 * instruction runs.
 *
 * - in: `context`, the program's context (not R2 or R3)
 * - out, when it comes back: R0, a negative errno
 * - clobbers R1 to R5
 */
export function tailCall(context: Register, map: MapReference, index: number): readonly Item[] {
  return explain(`tail call ${index} of ${map}`, [
    mov.reg(R1, context),
    loadMap(R2, map),
    mov.imm(R3, index),
    fn.tailCall.call(),
  ]);
}
