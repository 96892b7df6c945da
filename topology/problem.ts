/** What is wrong with a topology file, and where. */
import type { ErrorCode } from '../lib/errors/index.ts';

/** The way to a value inside the file: `['balancers', 'b1', 'weight']`. */
export type Path = readonly (string | number)[];

/** What a check found, before it is located in the text. */
export interface Finding {
  readonly code: ErrorCode;
  readonly path: Path;
  /** Whether the key itself or its value is the matter. */
  readonly at: 'key' | 'value';
  /** `expected …, got …; did you mean …?`, or a plain clause for warnings. */
  readonly message: string;
  /** Place in the text where the path does not tell it (the second of two equal keys). */
  readonly offset?: number;
}

/** One located problem or warning; plain data. */
export interface Problem {
  readonly code: ErrorCode;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  /** Dotted path of the value; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

/** `balancers.b1.weight`, `services.chat.balancers[2]`; keys that are no plain words are quoted. */
export function formatPath(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[\w-]{1,64}$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part.slice(0, 64))}]`;
  }
  return text;
}

/** One line: `file:line:col: path: expected …, got …; did you mean …?`. Never contains a line break. */
export function formatProblem(problem: Problem): string {
  const where = `${problem.file}:${problem.line}:${problem.column}`;
  const path = problem.path === '' ? '' : `${problem.path}: `;
  return `${where}: ${path}${problem.message}`.replace(/\s*[\r\n]+\s*/g, ' ');
}

/** The message of a problem. */
export function mismatch(expected: string, got: string, meant?: string): string {
  return `expected ${expected}, got ${got}${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}

/** A value as people recognise it in their file, at most about 60 characters. */
export function describeValue(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty map' : 'a map';
  const text = typeof value === 'string' ? value : String(value as number);
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return typeof value === 'string' ? JSON.stringify(short) : short;
}
