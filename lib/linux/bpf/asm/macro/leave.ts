import { mov } from '../alu.ts';
import type { Item } from '../instruction.ts';
import { exit } from '../jump.ts';
import { R0 } from '../register.ts';

/** Ends the program with the result `value`. */
export function leave(value: number, comment?: string): readonly Item[] {
  return [mov.imm(R0, value, comment), exit(comment)];
}
