import { flatten } from './code.ts';
import { assemblyError } from './error.ts';
import { slotsOf, type Code, type Instruction, type Item } from './instruction.ts';
import { Class, JumpCode, WIDE_OPCODE } from './opcode.ts';

/** Bytes of one slot. */
export const SLOT_BYTES = 8;

/** Where the loader puts the descriptor of a map. */
export interface MapRelocation {
  readonly slot: number;
  readonly map: string;
}

/** A program in the kernel's form. */
export interface Assembled {
  /** Eight bytes per slot. */
  readonly bytes: Uint8Array;
  /** One comment, or undefined, per slot. */
  readonly comments: readonly (string | undefined)[];
  readonly maps: readonly MapRelocation[];
  /** The slot of each label. */
  readonly labels: ReadonlyMap<string, number>;
}

/**
 * Encodes a program: finds the labels, turns jumps and calls into distances in slots. Deterministic, needs no
 * privileges. Throws HEADGATE_BPF_ASSEMBLY for a label that is missing, twice there or at the end of the
 * code, a jump out of range and an empty program.
 */
export function assemble(code: Code): Assembled {
  const items = flatten(code);
  const labels = findLabels(items);
  const slots = items.reduce((sum, item) => sum + slotsOf(item), 0);
  if (slots === 0) throw assemblyError('the program is empty');
  const bytes = new Uint8Array(slots * SLOT_BYTES);
  const view = new DataView(bytes.buffer);
  const comments = Array.from({ length: slots }, (): string | undefined => undefined);
  const maps: MapRelocation[] = [];
  let slot = 0;
  for (const item of items) {
    if (item.kind === 'label') continue;
    const { offset, immediate } = resolve(item, slot, labels, slots);
    encodeSlot(view, slot, item.opcode, (item.src << 4) | item.dst, offset, immediate);
    comments[slot] = item.comment;
    if (item.map !== undefined) maps.push(Object.freeze({ slot, map: item.map }));
    if (item.opcode === WIDE_OPCODE) {
      encodeSlot(view, slot + 1, 0, 0, 0, item.upper ?? 0);
      comments[slot + 1] = item.comment;
    }
    slot += slotsOf(item);
  }
  return Object.freeze({ bytes, comments: Object.freeze(comments), maps: Object.freeze(maps), labels });
}

function encodeSlot(
  view: DataView,
  slot: number,
  opcode: number,
  registers: number,
  offset: number,
  immediate: number,
): void {
  const at = slot * SLOT_BYTES;
  view.setUint8(at, opcode);
  view.setUint8(at + 1, registers);
  view.setInt16(at + 2, offset, true);
  view.setInt32(at + 4, immediate, true);
}

function findLabels(items: readonly Item[]): ReadonlyMap<string, number> {
  const labels = new Map<string, number>();
  let slot = 0;
  for (const item of items) {
    if (item.kind === 'label') {
      if (labels.has(item.name)) throw assemblyError(`the label ${item.name} is there twice`);
      labels.set(item.name, slot);
    }
    slot += slotsOf(item);
  }
  return labels;
}

/** Whether the distance of a jump or call stands in the immediate instead of the offset. */
export function distanceInImmediate(opcode: number): boolean {
  return opcode === (JumpCode.Call | Class.Jump) || opcode === (JumpCode.Always | Class.Jump32);
}

function resolve(
  item: Instruction,
  slot: number,
  labels: ReadonlyMap<string, number>,
  slots: number,
): { readonly offset: number; readonly immediate: number } {
  if (item.target === undefined) return item;
  const where = item.comment === undefined ? '' : ` (${item.comment})`;
  const target = labels.get(item.target);
  if (target === undefined) throw assemblyError(`slot ${slot}${where}: there is no label ${item.target}`);
  if (target === slots)
    throw assemblyError(`slot ${slot}${where}: no instruction follows the label ${item.target}`);
  // Distances count from the instruction after the jump.
  const distance = target - slot - 1;
  if (distanceInImmediate(item.opcode)) return { offset: item.offset, immediate: distance };
  if (distance < -0x8000 || distance > 0x7fff) {
    throw assemblyError(
      `slot ${slot}${where}: the jump to ${item.target} is ${distance} slots long; jump there with jaLong`,
    );
  }
  return { offset: distance, immediate: item.immediate };
}
