/** What the schema says of a file, as findings: expected, got, did you mean. */
import { z } from 'zod';
import { describeValue, mismatch, type Finding, type Path } from '../problem.ts';
import { listSome, nearest } from '../suggest.ts';
import { valueAt } from '../yaml-source.ts';
import { valueHints } from './documented.ts';
import { suggestName } from './scalars.ts';
import { keysAt, schemaAt } from './walk.ts';

/** Findings of one issue of the validator; `value` is the whole file as data. */
export function findingsOf(issue: z.core.$ZodIssue, value: unknown): readonly Finding[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key));
  if (issue.code === 'invalid_key') {
    const expected = issue.issues[0]?.message ?? issue.message;
    const message = mismatch(expected, describeValue(path.at(-1)), suggestName(path.at(-1)));
    return [{ code: 'HEADGATE_TOPOLOGY_INVALID_VALUE', path, at: 'key', message }];
  }
  const key = path.at(-1);
  const parent = valueAt(value, path.slice(0, -1));
  const exists = path.length === 0 || (key !== undefined && Object.hasOwn(Object(parent) as object, key));
  if (!exists) {
    const message = mismatch(issue.message, 'nothing');
    return [{ code: 'HEADGATE_TOPOLOGY_MISSING_KEY', path, at: 'key', message }];
  }
  const input = valueAt(value, path);
  const message = mismatch(issue.message, describe(path, input), hint(path, input));
  const isEmptyTier = input === null && path.length === 1 && schemaAt(path) instanceof z.ZodRecord;
  const code = isEmptyTier ? 'HEADGATE_TOPOLOGY_EMPTY_TIER' : 'HEADGATE_TOPOLOGY_INVALID_VALUE';
  return [{ code, path, at: 'value', message }];
}

/** Keys and secrets never reach a log, not even when they stand in the wrong place. */
function isConfidential(path: Path): boolean {
  return path[0] === 'secret' || path[0] === 'hashKey';
}

function describe(path: Path, input: unknown): string {
  if (!isConfidential(path) || typeof input === 'object' || input === undefined) return describeValue(input);
  return `text of ${String(input as string | number).length} characters`;
}

function unknownKey(path: Path, key: string): Finding {
  const known = keysAt(path);
  const got = isConfidential(path) ? 'another key' : `the unknown key ${describeValue(key)}`;
  const message = mismatch(`one of ${listSome(known, 20)}`, got, nearest(key, known));
  const shown = isConfidential(path) ? path : [...path, key];
  return { code: 'HEADGATE_TOPOLOGY_UNKNOWN_KEY', path: shown, at: 'key', message };
}

function hint(path: Path, input: unknown): string | undefined {
  if (isConfidential(path) || typeof input === 'object') return undefined;
  const schema = schemaAt(path);
  return schema === undefined ? undefined : valueHints.get(schema)?.hint(input);
}
