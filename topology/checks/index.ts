/** What one key cannot know of another: checks across the whole file. Pure; each returns its findings. */
import type { Finding } from '../problem.ts';
import type { Section, TopologyFile } from '../schema/index.ts';
import { addressConflicts } from './addresses.ts';
import { familyMistakes } from './families.ts';
import { forwardingMistakes, natFamilyMistakes } from './forwarding.ts';
import { probeMistakes } from './probes.ts';
import { countMistakes, nameMistakes, portMistakes, secretMistakes } from './references.ts';

export { warningsOf } from './warnings.ts';

/** A file, or the valid part of it. */
export interface CheckedFile {
  readonly file: TopologyFile;
  /** Names as written, also of entries that are not in `file` because the schema refused them. */
  readonly names: Readonly<Record<Section, readonly string[]>>;
  /** The file as data: which keys were written. */
  readonly value: unknown;
}

/** Every mistake that is not the schema's to find. */
export function checkAcross(checked: CheckedFile): readonly Finding[] {
  return [
    ...secretMistakes(checked),
    ...countMistakes(checked),
    ...nameMistakes(checked),
    ...portMistakes(checked),
    ...probeMistakes(checked),
    ...familyMistakes(checked),
    ...forwardingMistakes(checked),
    ...natFamilyMistakes(checked),
    ...addressConflicts(checked),
  ];
}
