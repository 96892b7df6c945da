/** The command line of `npm run soak`. */
import { parseArgs } from 'node:util';

export const soakNames = ['cluster', 'model', 'topology'] as const;
export type SoakName = (typeof soakNames)[number];

/** Where a soak ends: after so long, or after so many cases (of `cluster`: rounds). */
export interface SoakLimit {
  readonly untilMs: number | undefined;
  readonly cases: number | undefined;
}

export interface SoakOptions extends SoakLimit {
  readonly name: SoakName;
  readonly seed: number;
  /** File that gets the summary. */
  readonly json: string | undefined;
}

export const usage =
  'usage: npm run soak -- [cluster|model|topology] [--hours H | --cases N] [--seed S] [--json FILE]';

/** Cases of a soak that is given no limit; `cluster` then lasts an hour. */
const usualCases = { model: 10_000_000, topology: 1_000_000 } as const;
const hourMs = 3_600_000;

/**
 * Reads the arguments; the seed is `anySeed` when there is none among them. Throws an Error whose message is for the
 * person at the terminal.
 */
export function soakOptions(args: readonly string[], anySeed: number): SoakOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      hours: { type: 'string' },
      cases: { type: 'string' },
      seed: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const [word = 'cluster', ...more] = positionals;
  const name = soakNames.find((each) => each === word);
  if (name === undefined || more.length > 0) throw new Error(`there is no soak ${positionals.join(' ')}`);
  if (values.hours !== undefined && values.cases !== undefined)
    throw new Error('--hours and --cases exclude each other');
  const hours = positive('hours', values.hours);
  const given = whole('cases', values.cases, 1);
  const cases = given ?? (hours === undefined && name !== 'cluster' ? usualCases[name] : undefined);
  return {
    name,
    cases,
    untilMs: cases === undefined ? (hours ?? 1) * hourMs : undefined,
    seed: whole('seed', values.seed, 0) ?? anySeed,
    json: values.json,
  };
}

function positive(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!(number > 0 && Number.isFinite(number)))
    throw new Error(`--${option} ${value}: expected a number above 0`);
  return number;
}

function whole(option: string, value: string | undefined, least: number): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < least || number > 0xffff_ffff)
    throw new Error(`--${option} ${value}: expected a whole number from ${least} to 4294967295`);
  return number;
}
