import { parseArgs, type ParseArgsConfig } from 'node:util';
import { errnoCode, HeadgateError } from '../lib/errors/index.ts';
import { formatDuration, parseDuration } from '../topology/index.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

/** Begins what only looks like an option; no argument of a program can have it. */
const notAnOption = '\0';

/**
 * util.parseArgs whose complaints are usage errors of ours. Positionals are allowed; check their number. A negative number
 * is a value: whoever wants none can say so.
 */
export function parseOptions<const Wanted extends Options>(args: readonly string[], options: Wanted) {
  const marked = args.map((arg) => (/^-\.?\d/.test(arg) ? notAnOption + arg : arg));
  try {
    const { values, positionals } = parseArgs({
      args: marked,
      options,
      allowPositionals: true,
      strict: true,
    });
    const meant = Object.entries(values).map(([name, value]) => [name, asTyped(value)]);
    return { values: Object.fromEntries(meant) as typeof values, positionals: positionals.map(asTyped) };
  } catch (error) {
    if (errnoCode(error)?.startsWith('ERR_PARSE_ARGS') !== true || !(error instanceof Error)) throw error;
    const [, ambiguous] = /^Option '([^']*)' argument is ambiguous/.exec(error.message) ?? [];
    if (ambiguous !== undefined)
      throw usageError(`${ambiguous} has no value`, `write ${ambiguous}=VALUE where it begins with a dash`);
    // Node's texts go on with advice of their own after the first sentence.
    const [first = ''] = error.message.split(/\. |\.?\n/);
    throw usageError(asTyped(first.charAt(0).toLowerCase() + first.slice(1)));
  }
}

/** Without the mark. */
function asTyped<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(asTyped) as Value;
  return (typeof value === 'string' ? value.replaceAll(notAnOption, '') : value) as Value;
}

/** A wrong command line: exit code 2. */
export function usageError(message: string, cure?: string): HeadgateError {
  return new HeadgateError('HEADGATE_CLI_USAGE', message, cure === undefined ? {} : { cure });
}

/** One of the listed words, or a usage error. */
export function oneOf<const Word extends string>(
  option: string,
  value: string | undefined,
  words: readonly Word[],
): Word | undefined {
  if (value === undefined) return undefined;
  const word = words.find((candidate) => candidate === value);
  if (word === undefined) throw usageError(`--${option} ${value}: expected ${words.join(', ')}`);
  return word;
}

/** What an option takes whose duration has no other range, milliseconds: up to a day. */
const usualRangeMs = [0, 86_400_000] as const;

/** `30s` → 30000; undefined stays undefined. Throws a usage error that shows the form and the range. */
export function durationMs(
  option: string,
  value: string | undefined,
  [leastMs, mostMs]: readonly [number, number] = usualRangeMs,
): number | undefined {
  if (value === undefined) return undefined;
  const ms = parseDuration(value);
  if (ms !== undefined && ms >= leastMs && ms <= mostMs) return ms;
  const range = `from ${formatDuration(leastMs)} to ${formatDuration(mostMs)}`;
  throw usageError(`--${option} ${value}: expected a duration such as 500ms, 30s, 5m, ${range}`);
}
