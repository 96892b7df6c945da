import { isUtf8 } from 'node:buffer';
import { mostNameCharacters, mostTextBytes } from './limits.ts';
import type { Fault, MessageId } from './protocol.ts';

/** An object of unknown fields. */
export type Fields = Readonly<Record<string, unknown>>;

/** Letters, marks, digits, punctuation and symbols: nothing invisible, no spaces. */
const nameShape = new RegExp(`^[\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}]{1,${mostNameCharacters}}$`, 'u');
/** Control characters, separators of lines, halves of surrogate pairs (not text at all). */
const notText = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u;
const sessionShape = /^[A-Za-z0-9_-]{1,64}$/;

/** The object on one line, or what is wrong with the line. */
export function parseLine(line: Buffer): Fields | Fault {
  if (!isUtf8(line)) return { fault: 'not-json', message: 'the line is not UTF-8' };
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch {
    return { fault: 'not-json', message: 'the line is not JSON' };
  }
  if (!isFields(value)) return { fault: 'bad-message', message: 'expected a JSON object' };
  // A field of that name would look like our own verdict.
  if ('fault' in value) return { fault: 'bad-message', message: 'unknown field fault' };
  return value;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The name in its composed form (NFC), so that two ways to type it are one name; undefined when it is none. */
export function validName(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > 4 * mostNameCharacters) return undefined;
  const name = value.normalize('NFC');
  return nameShape.test(name) ? name : undefined;
}

/** One line of text without control characters: what is shown on other people's terminals. */
export function isText(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    !notText.test(value) &&
    Buffer.byteLength(JSON.stringify(value)) <= mostTextBytes
  );
}

export function isSession(value: unknown): value is string {
  return typeof value === 'string' && sessionShape.test(value);
}

export function isMessageId(value: unknown): value is MessageId {
  return isCount(value) && value > 0;
}

/** A whole number from 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
