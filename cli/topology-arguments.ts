/** What the topology commands share: their arguments, and how they tell problems. */
import { formatProblems, type Problem } from '../topology/index.ts';
import { environment } from '../node/index.ts';
import { exitCodes, type CommandIo } from './command.ts';
import { usageError } from './options.ts';

/** The leading words and, last, FILE or $HEADGATE_TOPOLOGY. Throws HEADGATE_CLI_USAGE naming what is missing. */
export function wordsAndFile(
  positionals: readonly string[],
  wanted: readonly string[],
  { env }: CommandIo,
): { readonly words: readonly string[]; readonly file: string } {
  const last = positionals.at(-1);
  const hasFile = last !== undefined && looksLikeFile(last);
  const words = positionals.slice(
    0,
    hasFile ? Math.min(wanted.length, positionals.length - 1) : wanted.length,
  );
  if (words.length < wanted.length) throw usageError(`${wanted.slice(words.length).join(' and ')} missing`);
  if (positionals.length > wanted.length + 1) {
    throw usageError(`${JSON.stringify(positionals[wanted.length + 1])} is one argument too many`);
  }
  const file = positionals[wanted.length] ?? env[environment.topology];
  if (file === undefined || file === '') {
    throw usageError(
      'FILE missing',
      `give the topology file as the last argument, or set ${environment.topology}`,
    );
  }
  return { words, file };
}

/** No name, number or other word of a command looks so. */
function looksLikeFile(word: string): boolean {
  return /\.ya?ml$|\//i.test(word);
}

/** A whole number of an option; undefined when it was not given. */
export function wholeNumber(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw usageError(`${option} is ${JSON.stringify(text)}, not a whole number`);
  return Number(text);
}

/** All problems, one line each, to standard error. */
export function tellProblems(problems: readonly Problem[], io: CommandIo): number {
  io.err(formatProblems(problems));
  return exitCodes.usage;
}

/** All warnings, one line each, to standard error. */
export function tellWarnings(warnings: readonly Problem[], io: CommandIo): void {
  for (const warning of warnings) io.err(`warning: ${formatProblems([warning])}`);
}
