import { assemblyError } from './error.ts';
import type { Code, Instruction, Item, Label } from './instruction.ts';

/** Names the place of the next instruction. */
export function label(name: string): Label {
  if (name === '') throw assemblyError('a label needs a name');
  return Object.freeze<Label>({ kind: 'label', name });
}

function isItem(code: Code): code is Item {
  return !Array.isArray(code);
}

/** The items of nested code, in order. */
export function flatten(code: Code): readonly Item[] {
  if (isItem(code)) return [code];
  const items: Item[] = [];
  const walk = (part: Code): void => {
    if (isItem(part)) items.push(part);
    else for (const inner of part) walk(inner);
  };
  walk(code);
  return items;
}

/**
 * Gives `comment` to every instruction of `code` that has none of its own, so that the verifier's errors name
 * it.
 */
export function explain(comment: string, ...code: readonly Code[]): readonly Item[] {
  return flatten(code).map((item) =>
    item.kind === 'instruction' && item.comment === undefined
      ? Object.freeze<Instruction>({ ...item, comment })
      : item,
  );
}

/**
 * Puts `prefix` and a dot before every label that `code` defines, and before the jumps to them; labels of
 * others stay. So a macro with labels of its own can be used twice in one program.
 */
export function scope(prefix: string, ...code: readonly Code[]): readonly Item[] {
  const items = flatten(code);
  const own = new Set(items.flatMap((item) => (item.kind === 'label' ? [item.name] : [])));
  return items.map((item) => {
    if (item.kind === 'label') return label(`${prefix}.${item.name}`);
    if (item.target === undefined || !own.has(item.target)) return item;
    return Object.freeze<Instruction>({ ...item, target: `${prefix}.${item.target}` });
  });
}
