/** The text of a topology file as plain data, with the way back from every value to its line and column. */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  parseDocument,
  Parser,
  visit,
  type Alias,
  type Document,
  type Node,
} from 'yaml';
import { LinePlaces } from './line-places.ts';
import { formatPath, mismatch, type Finding, type Path, type Problem } from './problem.ts';

/** Largest topology file, in bytes. 1,024 nodes per tier are about 200 KiB. */
export const maxFileBytes = 4 * 1_048_576;
/** Most values of a file once its aliases are expanded; what a bomb of aliases runs into. */
const maxValues = 200_000;
/** The schema is 5 levels deep. */
const maxDepth = 32;

export interface YamlSource {
  readonly file: string;
  readonly document: Document.Parsed;
  /** The whole file as plain data: maps are objects, lists arrays. */
  readonly value: unknown;
  /** What the data view could not take: duplicate keys, odd keys, tags. */
  readonly findings: readonly Finding[];
  /** Puts a finding at its place: the key, the value, or the nearest parent that exists. */
  locate(finding: Finding): Problem;
}

/** Options that keep a file in one meaning: YAML 1.2, whatever a %YAML directive says. */
const yamlOptions = {
  version: '1.2',
  schema: 'core',
  prettyErrors: false,
  // Found by the walk below in linear time; the library compares every pair of keys.
  uniqueKeys: false,
} as const;

/** Tags of plain data: writing them changes nothing but whether `12` is a number. */
const plainTags: ReadonlySet<string> = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`),
);

/** Reads YAML. YAML's own errors come alone: what follows a syntax error is guesswork. Never throws. */
export function readYaml(text: string, file: string): YamlSource | { readonly problems: readonly Problem[] } {
  let places: LinePlaces | undefined;
  // The library's own count of lines misses those inside of what it could not parse.
  const problemAt = (offset: number, code: Problem['code'], message: string): Problem => {
    places ??= new LinePlaces(text);
    return { code, file, ...places.at(offset), path: '', message };
  };
  if (text.length > maxFileBytes) {
    const message = mismatch(`a file of at most ${maxFileBytes} bytes`, `${text.length} characters`);
    return {
      problems: [{ code: 'HEADGATE_TOPOLOGY_TOO_LARGE', file, line: 1, column: 1, path: '', message }],
    };
  }
  let document: Document.Parsed;
  try {
    const deep = tooDeepAt(text);
    if (deep !== undefined) {
      const message = `nested too deep: ${mismatch(`at most ${maxDepth} levels`, 'more')}`;
      return { problems: [problemAt(deep, 'HEADGATE_TOPOLOGY_SYNTAX', message)] };
    }
    document = parseDocument(text, yamlOptions);
  } catch (error) {
    const message = `not readable as YAML: ${error instanceof Error ? error.message : String(error)}`;
    return { problems: [{ code: 'HEADGATE_TOPOLOGY_SYNTAX', file, line: 1, column: 1, path: '', message }] };
  }
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ code, message, pos }) =>
      problemAt(pos[0], 'HEADGATE_TOPOLOGY_SYNTAX', syntaxMessage(code, message, lineAt(text, pos[0]))),
    );
    return { problems };
  }
  const findings: Finding[] = [];
  const targets = aliasTargets(document);
  const value = toData(document.contents, targets, findings);
  return {
    file,
    document,
    value,
    findings,
    locate(finding) {
      const offset = finding.offset ?? offsetOf(document.contents, targets, finding.path, finding.at);
      return { ...problemAt(offset, finding.code, finding.message), path: formatPath(finding.path) };
    },
  };
}

/**
 * Where it is nested far deeper than any topology; undefined: nowhere. The library's parser keeps a stack of its own, which is
 * looked at before it composes, which recurses.
 */
function tooDeepAt(text: string): number | undefined {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    const { offset } = parser;
    // It yields whole documents, which are not of interest here.
    for (const _document of parser.next(lexeme));
    if (parser.stack.length > 2 * maxDepth) return offset;
  }
  return undefined;
}

function lineAt(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', offset);
  return text.slice(start, Math.min(end === -1 ? text.length : end, start + 500));
}

/** The library's messages are kept, without the piece of the file some end with: it could be part of a secret. */
function syntaxMessage(code: string, message: string, line: string): string {
  if (code === 'MULTIPLE_DOCS') return mismatch('one YAML document', 'a second one after ---');
  const bracketed = /(\[[0-9a-fA-F:.]+\]:\d+)/.exec(line)?.[1];
  const hint = bracketed === undefined ? '' : `; did you mean "${bracketed}" (in quotes)?`;
  const text = message.replace(/: ?["'].*$/s, '').replace(/[\r\n]+/g, ' ');
  return `not valid YAML: ${text.slice(0, 200)}${hint}`;
}

/** What each alias stands for: the last node before it that bears its anchor. One pass; the library's is one per alias. */
function aliasTargets(document: Document): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Alias(_key, alias) {
      const target = anchors.get(alias.source);
      if (target !== undefined) targets.set(alias, target);
    },
    Value(_key, node) {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

function follow(targets: ReadonlyMap<Alias, Node>, node: unknown): Node | null {
  return isAlias(node) ? (targets.get(node) ?? null) : ((node ?? null) as Node | null);
}

/** A key as it was written: the name 1e3 is no number. Undefined for keys that are maps, lists or aliases. */
export function keyText(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value as number));
}

/** YAML nodes as plain data; what it cannot take becomes a finding and is left out. */
function toData(root: Node | null, targets: ReadonlyMap<Alias, Node>, findings: Finding[]): unknown {
  let values = 0;
  let full = false;
  const odd = (path: Path, expected: string, got: string, offset?: number): void => {
    const message = mismatch(expected, got);
    const place = offset === undefined ? {} : { offset };
    findings.push({ code: 'HEADGATE_TOPOLOGY_INVALID_VALUE', path, at: 'value', message, ...place });
  };
  const convert = (start: Node | null, path: Path): unknown => {
    if (full) return undefined;
    if (++values > maxValues || path.length > maxDepth) {
      full = true;
      odd(
        path.slice(0, 1),
        `at most ${maxValues} values, aliases expanded, at most ${maxDepth} deep`,
        'more',
      );
      return undefined;
    }
    const node = follow(targets, start);
    if (isAlias(start) && node === null) odd(path, 'an anchor set above', `the alias *${start.source}`);
    if (node?.tag !== undefined && !plainTags.has(node.tag)) {
      odd(path, 'a plain value', 'a YAML tag, which has no meaning here');
      // What the library knows by itself is no plain data: !!binary is a Uint8Array.
      if (isScalar(node)) return null;
    }
    if (isSeq(node)) return node.items.map((item, index) => convert(item as Node | null, [...path, index]));
    if (!isMap(node)) return isScalar(node) ? node.value : null;
    const data: Record<string, unknown> = {};
    for (const { key, value } of node.items) {
      const offset = (key as Node).range?.[0] ?? 0;
      const name = keyText(key);
      if (name === undefined || name === '__proto__') {
        odd(path, 'a key that is a plain word', name ?? 'another kind of key', offset);
      } else if (Object.hasOwn(data, name)) {
        const message = mismatch('each key once', `${name} a second time`);
        findings.push({
          code: 'HEADGATE_TOPOLOGY_DUPLICATE_KEY',
          path: [...path, name],
          at: 'key',
          message,
          offset,
        });
      } else {
        data[name] = convert(value as Node | null, [...path, name]);
      }
    }
    return data;
  };
  return convert(root, []);
}

/** Where `path` is in the text; what does not exist is reported at its nearest parent. */
function offsetOf(
  root: Node | null,
  targets: ReadonlyMap<Alias, Node>,
  path: Path,
  at: Finding['at'],
): number {
  let node = root;
  let keyOffset = 0;
  let valueOffset = 0;
  for (const part of path) {
    node = follow(targets, node);
    if (isSeq(node) && typeof part === 'number') {
      const item = node.items[part] as Node | null | undefined;
      if (item === undefined || item === null) return keyOffset;
      node = item;
      keyOffset = valueOffset = item.range?.[0] ?? keyOffset;
      continue;
    }
    const pair = isMap(node) ? node.items.find(({ key }) => keyText(key) === String(part)) : undefined;
    if (pair === undefined) return keyOffset;
    keyOffset = (pair.key as Node).range?.[0] ?? keyOffset;
    node = pair.value as Node | null;
    const absent = node === null || (isScalar(node) && node.source === '');
    valueOffset = absent ? keyOffset : (node?.range?.[0] ?? keyOffset);
  }
  return at === 'key' ? keyOffset : valueOffset;
}

/** The plain value at a path, or undefined. */
export function valueAt(value: unknown, path: Path): unknown {
  let here = value;
  for (const part of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, part)) return undefined;
    here = (here as Record<string | number, unknown>)[part];
  }
  return here;
}
