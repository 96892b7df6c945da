import { add } from '../alu.ts';
import { explain, label, scope } from '../code.ts';
import type { Item } from '../instruction.ts';
import { jeq } from '../jump.ts';
import { loadMem, storeImm, storeMem } from '../load-store.ts';
import type { MapReference } from '../load-imm64.ts';
import { R0, R1, R10 } from '../register.ts';
import { lookupMap } from './map.ts';

/**
 * Adds one to the u64 at `index` of a per-CPU array (no other CPU writes it, so nothing need be atomic).
 *
 * - in: four bytes of stack at `keyOffset` (negative, a multiple of 4)
 * - clobbers R0 to R5
 * - `name` keeps its label apart from those of other uses
 */
export function bumpCounter(
  name: string,
  map: MapReference,
  index: number,
  keyOffset: number,
): readonly Item[] {
  return scope(
    name,
    explain(`count in ${map}[${index}]`, [
      storeImm(R10, keyOffset, index, 4),
      lookupMap(map, keyOffset),
      jeq.imm(R0, 0, 'done'),
      loadMem(R1, R0, 0, 8),
      add.imm(R1, 1),
      storeMem(R0, 0, R1, 8),
      label('done'),
    ]),
  );
}
