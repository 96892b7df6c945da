/**
 * Cuts and insertions in YAML text. The Document tells where things are; everything else stays as it is, byte for
 * byte, which printing the Document anew would not do (it normalizes indentation, blank lines and comment columns).
 */
import {
  isCollection,
  isMap,
  isPair,
  isScalar,
  stringify,
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { HeadgateError } from '../../lib/errors/index.ts';

/** A map or list of the file. */
export type Container = YAMLMap | YAMLSeq;

export function unsupported(why: string): HeadgateError {
  return new HeadgateError('HEADGATE_TOPOLOGY_EDIT_UNSUPPORTED', why);
}

/** Line break the text uses. */
export function lineBreak(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

function start(item: unknown): number {
  const node = (isPair(item) ? item.key : item) as Node | null;
  if (node?.range === undefined || node.range === null)
    throw unsupported('an entry has no place in the text');
  return node.range[0];
}

/** Offset behind the last character of a value, comments not included. */
function end(item: unknown): number {
  if (isPair(item)) {
    const value = item.value as Node | null;
    return value === null || (isScalar(value) && value.source === '') ? colonAfter(item) : end(value);
  }
  const node = item as Node;
  if (isCollection(node) && node.flow !== true && node.items.length > 0) return end(node.items.at(-1));
  if (node.range === undefined || node.range === null) throw unsupported('an entry has no place in the text');
  return node.range[1];
}

function colonAfter(pair: Pair): number {
  const key = pair.key as Node;
  const value = pair.value as Node | null;
  return Math.max(key.range?.[1] ?? 0, value?.range?.[0] ?? 0);
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

/** Offset behind the line break of the line that ends at or after `offset`; the end of the text when there is none. */
function nextLine(text: string, offset: number): number {
  if (offset > 0 && text[offset - 1] === '\n') return offset;
  const at = text.indexOf('\n', offset);
  return at === -1 ? text.length : at + 1;
}

function splice(text: string, from: number, to: number, insert: string): string {
  return text.slice(0, from) + insert + text.slice(to);
}

/** Puts whole lines behind the line that ends at or after `offset`. */
function insertLines(text: string, offset: number, lines: readonly string[]): string {
  const eol = lineBreak(text);
  const at = nextLine(text, offset);
  const needsBreak = at > 0 && text[at - 1] !== '\n';
  const body = lines.join(eol);
  return splice(text, at, at, needsBreak ? eol + body : body + eol);
}

/** A value as YAML on one line. */
export function inline(value: unknown, padded = true): string {
  const holder = stringify([value], {
    collectionStyle: 'flow',
    lineWidth: 0,
    flowCollectionPadding: padded,
    defaultStringType: 'PLAIN',
  });
  return holder.trim().slice(1, -1).trim();
}

/** Replaces a value that is one word or number. */
export function replaceScalar(text: string, node: Node, value: string | number): string {
  if (!isScalar(node) || !node.range) throw unsupported('the value is not a plain word');
  return splice(text, node.range[0], node.range[1], inline(value));
}

/** Leading blanks of the line at `offset`, when only blanks (and the dash of a list) stand before it. */
function indentAt(text: string, offset: number): string {
  const before = text.slice(lineStart(text, offset), offset);
  if (!/^[ \t]*(?:- +)?$/.test(before)) throw unsupported('the entry shares its line with something else');
  return before;
}

/** Adds an item behind the last of a map or list written in braces or brackets. */
function insertInFlow(text: string, container: Container, item: string): string {
  const last: unknown = container.items.at(-1);
  const [from, to] = container.range ?? [0, 0];
  if (last === undefined) {
    const open = text[from] ?? '{';
    const pad = open === '{' ? ' ' : '';
    return splice(text, from, to, `${open}${pad}${item}${pad}${open === '{' ? '}' : ']'}`);
  }
  const at = end(last);
  const comma = /^\s*,/.exec(text.slice(at, to))?.[0];
  const behind = at + (comma?.length ?? 0);
  const own = text.slice(lineStart(text, start(last)), start(last));
  const rest = text.slice(behind, nextLine(text, behind));
  if (/^[ \t]+$/.test(own) && /^[ \t]*(?:#.*)?\r?\n$/.test(rest)) {
    const withLine = insertLines(text, behind, [`${own}${item}${comma === undefined ? '' : ','}`]);
    return comma === undefined ? splice(withLine, at, at, ',') : withLine;
  }
  return comma === undefined ? splice(text, at, at, `, ${item}`) : splice(text, behind, behind, ` ${item},`);
}

/** Adds `key: value` behind the last pair of a map, on one line. */
export function insertPair(text: string, map: YAMLMap, key: string, value: unknown): string {
  const item = inline({ [key]: value }, isPadded(text, map)).replace(/^\{\s*|\s*\}$/g, '');
  if (map.flow === true) return insertInFlow(text, map, item);
  const last = map.items.at(-1);
  if (last === undefined) throw unsupported('the map is empty');
  return insertLines(text, end(last), [`${indentAt(text, start(last))}${item}`]);
}

/** Whether `{ a: 1 }` has blanks inside its braces. Block maps have none to look at. */
export function isPadded(text: string, map: YAMLMap): boolean {
  return map.flow !== true || map.items.length === 0 || /^\{\s/.test(text.slice(map.range?.[0] ?? 0));
}

/** Adds a word to a list of names. */
export function insertInList(text: string, list: YAMLSeq, word: string): string {
  if (list.flow === true) return insertInFlow(text, list, inline(word));
  const last: unknown = list.items.at(-1);
  if (last === undefined) throw unsupported('the list is empty');
  return insertLines(text, end(last), [`${indentAt(text, start(last))}${inline(word)}`]);
}

/** Adds a named entry to a tier in the style of the entries that are there. */
export function insertEntry(
  text: string,
  map: YAMLMap,
  name: string,
  fields: Readonly<Record<string, unknown>>,
): string {
  const sibling = map.items.findLast(({ value }) => isMap(value) && value.items.length > 0);
  const value = sibling?.value;
  const last = map.items.at(-1);
  if (!isMap(value) || map.flow === true || value.flow === true || last === undefined) {
    const padded = isMap(value) ? isPadded(text, value) : true;
    const body = `${inline(name)}: ${inline(fields, padded)}`;
    if (map.flow === true) return insertInFlow(text, map, body);
    if (last === undefined) throw unsupported('the map is empty');
    return insertLines(text, end(last), [`${indentAt(text, start(last))}${body}`]);
  }
  const indent = indentAt(text, start(last));
  const inner = indentAt(text, start(value.items[0]));
  const lines = Object.entries(fields).map(([key, field]) => `${inner}${key}: ${inline(field)}`);
  const above = text.slice(0, lineStart(text, start(last)));
  const isSpaced = map.items.length > 1 && /\n[ \t]*\r?\n(?:[ \t]*#.*\r?\n)*$/.test(above);
  return insertLines(text, end(last), [...(isSpaced ? [''] : []), `${indent}${inline(name)}:`, ...lines]);
}

/** Removes an item with what belongs to it on its own lines; comments on other lines stay. */
export function removeItem(text: string, container: Container, index: number): string {
  const item: unknown = container.items[index];
  const from = start(item);
  const to = end(item);
  if (container.flow !== true) {
    indentAt(text, from);
    return splice(text, lineStart(text, from), nextLine(text, to), '');
  }
  const before = text.slice(lineStart(text, from), from);
  const after = text.slice(to, nextLine(text, to));
  if (/^[ \t]*$/.test(before) && /^[ \t]*,?[ \t]*(?:#.*)?\r?\n$/.test(after)) {
    return splice(text, lineStart(text, from), nextLine(text, to), '');
  }
  const next: unknown = container.items[index + 1];
  const previous: unknown = container.items[index - 1];
  if (next !== undefined) return splice(text, from, start(next), '');
  // A comma that stays behind is allowed; a comment between the two is kept so.
  if (previous !== undefined && !text.slice(end(previous), from).includes('#')) {
    return splice(text, end(previous), to, '');
  }
  return splice(text, from, to, '');
}
