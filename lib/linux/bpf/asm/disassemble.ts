import type { Assembled } from './assemble.ts';
import { decodeSlots, targetSlot, type Decoded } from './decode.ts';
import { instructionText } from './text.ts';

/** One instruction for people. */
export interface Line {
  readonly slot: number;
  /** `r1 += 22`, in the notation of the kernel and LLVM; jumps name their label or slot. */
  readonly text: string;
  readonly comment?: string;
}

/** What disassemble() takes: what assemble() made, or bare bytes. */
export type Disassemblable = Assembled | { readonly bytes: Uint8Array };

/** The lines of a program. Throws HEADGATE_BPF_ASSEMBLY when the bytes are not one. */
export function disassemble(program: Disassemblable): readonly Line[] {
  const assembled = 'labels' in program ? program : undefined;
  const names = new Map<number, string>();
  for (const [name, slot] of assembled?.labels ?? []) if (!names.has(slot)) names.set(slot, name);
  const maps = new Map(assembled?.maps.map(({ slot, map }) => [slot, map]));
  return decodeSlots(program.bytes).map((found) => line(found, names, maps, assembled));
}

function line(
  found: Decoded,
  names: ReadonlyMap<number, string>,
  maps: ReadonlyMap<number, string>,
  assembled: Assembled | undefined,
): Line {
  const target = targetSlot(found);
  const text = instructionText(found.instruction, {
    target: target === undefined ? undefined : (names.get(target) ?? String(target)),
    map: maps.get(found.slot),
  });
  const comment = assembled?.comments[found.slot];
  return comment === undefined ? { slot: found.slot, text } : { slot: found.slot, text, comment };
}

/** A whole program as text, one instruction per line, labels on lines of their own. */
export function listing(program: Disassemblable): string {
  const labels = new Map<number, string[]>();
  if ('labels' in program) {
    for (const [name, slot] of program.labels) labels.set(slot, [...(labels.get(slot) ?? []), name]);
  }
  return disassemble(program)
    .flatMap(({ slot, text, comment }) => [
      ...(labels.get(slot) ?? []).map((name) => `${name}:\n`),
      `${String(slot).padStart(5)}: ${comment === undefined ? text : `${text.padEnd(40)} ; ${comment}`}\n`,
    ])
    .join('');
}
