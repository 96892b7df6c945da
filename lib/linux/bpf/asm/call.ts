import { assemblyError } from './error.ts';
import { helperIds, type HelperName } from './helper.ts';
import { instruction, type Instruction } from './instruction.ts';
import { CallPseudo, Class, JumpCode } from './opcode.ts';

/** A helper function of the kernel. */
export interface Helper {
  readonly id: number;
  /** Calls it: arguments in R1 to R5, result in R0, R1 to R5 are lost. */
  call(comment?: string): Instruction;
}

/** Calls helper number `id`. */
export function callHelper(id: number, comment?: string): Instruction {
  if (!Number.isInteger(id) || id < 0) throw assemblyError(`there is no helper ${id}`);
  return instruction({ opcode: JumpCode.Call | Class.Jump, src: CallPseudo.Helper, immediate: id }, comment);
}

/** The helpers by name: `fn.mapLookupElem.call()`. */
export const fn = Object.freeze(
  Object.fromEntries(
    Object.entries(helperIds).map(([name, id]) => [
      name,
      Object.freeze<Helper>({ id, call: (comment) => callHelper(id, comment) }),
    ]),
  ),
) as Readonly<Record<HelperName, Helper>>;

/**
 * Calls the part of this program that begins at the label `target`: arguments in R1 to R5, result in R0, R6
 * to R9 are kept, the callee has a stack of its own.
 */
export function call(target: string, comment?: string): Instruction {
  return instruction({ opcode: JumpCode.Call | Class.Jump, src: CallPseudo.Program, target }, comment);
}
