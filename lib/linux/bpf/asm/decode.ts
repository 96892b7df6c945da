import { distanceInImmediate, SLOT_BYTES } from './assemble.ts';
import { label } from './code.ts';
import { assemblyError } from './error.ts';
import { instruction, type Instruction, type Item } from './instruction.ts';
import { CallPseudo, Class, CLASS_MASK, CODE_MASK, JumpCode, WIDE_OPCODE } from './opcode.ts';
import { isRegister } from './register.ts';

/** An instruction found in bytes, and its slot. Jumps and calls have their distance, not a label. */
export interface Decoded {
  readonly slot: number;
  readonly instruction: Instruction;
}

/**
 * Reads the instructions of a program, without labels. Throws HEADGATE_BPF_ASSEMBLY when `bytes` are none.
 */
export function decodeSlots(bytes: Uint8Array): readonly Decoded[] {
  if (bytes.length % SLOT_BYTES !== 0)
    throw assemblyError(`${bytes.length} bytes are not a whole number of slots`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoded: Decoded[] = [];
  for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
    const slot = at / SLOT_BYTES;
    const opcode = view.getUint8(at);
    const registers = view.getUint8(at + 1);
    const dst = registers & 0x0f;
    if (!isRegister(dst)) throw assemblyError(`slot ${slot}: there is no register ${dst}`);
    const fields = {
      opcode,
      dst,
      src: registers >> 4,
      offset: view.getInt16(at + 2, true),
      immediate: view.getInt32(at + 4, true),
    };
    if (opcode === WIDE_OPCODE) {
      at += SLOT_BYTES;
      if (at === bytes.length)
        throw assemblyError(`slot ${slot}: the second half of a 64-bit load is missing`);
      decoded.push({ slot, instruction: instruction({ ...fields, upper: view.getInt32(at + 4, true) }) });
    } else {
      decoded.push({ slot, instruction: instruction(fields) });
    }
  }
  return decoded;
}

/** The slot that a jump or call goes to, or undefined when `found` goes nowhere else. */
export function targetSlot({ slot, instruction: found }: Decoded): number | undefined {
  const kind = found.opcode & CLASS_MASK;
  if (kind !== Class.Jump && kind !== Class.Jump32) return undefined;
  const code = found.opcode & CODE_MASK;
  if (code === JumpCode.Exit) return undefined;
  if (code === JumpCode.Call && found.src !== CallPseudo.Program) return undefined;
  return slot + 1 + (distanceInImmediate(found.opcode) ? found.immediate : found.offset);
}

/**
 * Reads a program back as code that assemble() takes: targets become labels named after their slot (`L12`).
 */
export function decode(bytes: Uint8Array): readonly Item[] {
  const decoded = decodeSlots(bytes);
  const targets = new Set(decoded.flatMap((found) => targetSlot(found) ?? []));
  return decoded.flatMap((found): Item[] => {
    const { slot, instruction: plain } = found;
    const target = targetSlot(found);
    const item =
      target === undefined
        ? plain
        : instruction({
            ...plain,
            target: `L${target}`,
            ...(distanceInImmediate(plain.opcode) ? { immediate: 0 } : { offset: 0 }),
          });
    return targets.has(slot) ? [label(`L${slot}`), item] : [item];
  });
}
