/** The command line of a bench: options with a type and a default, `--help`, and one line for what cannot be read. */
import { parseArgs } from 'node:util';

/** How one option is read. Throws an Error for the person at the terminal; undefined: the option was not given. */
export interface BenchOption<Value> {
  readonly isFlag: boolean;
  read(text: string | undefined): Value;
}

type Spec = Readonly<Record<string, BenchOption<unknown>>>;
export type BenchOptions<Of extends Spec> = {
  readonly [Name in keyof Of]: Of[Name] extends BenchOption<infer Value> ? Value : never;
};

/** A number above 0. */
export const positive = (usual: number): BenchOption<number> => number(usual, 'a number above 0', isPositive);

/** A whole number of at least `least`. */
export const whole = <Usual extends number | undefined>(
  usual: Usual,
  least = 1,
): BenchOption<number | Usual> =>
  number(
    usual,
    `a whole number, at least ${least}`,
    (value) => Number.isSafeInteger(value) && value >= least,
  );

export const text = <Usual extends string | undefined>(usual: Usual): BenchOption<string | Usual> => ({
  isFlag: false,
  read: (given) => given ?? usual,
});

/** Some of `words`, with commas between. */
export const list = <Word extends string>(
  words: readonly Word[],
): BenchOption<readonly Word[] | undefined> => ({
  isFlag: false,
  read: (given) =>
    given?.split(',').map((part) => {
      const word = words.find((one) => one === part);
      if (word === undefined) throw new Error(`expected some of ${words.join(', ')}, with commas between`);
      return word;
    }),
});

export const flag: BenchOption<boolean> = { isFlag: true, read: (given) => given !== undefined };

/** The file that gets the result as JSON. */
export const json = text(undefined);

/** Reads `args`. Throws an Error that names the option and what was expected. */
export function readBenchOptions<Of extends Spec>(spec: Of, args: readonly string[]): BenchOptions<Of> {
  const { values } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(spec).map(([name, { isFlag }]) => [name, { type: isFlag ? 'boolean' : 'string' }]),
    ),
  });
  const read = Object.entries(spec).map(([name, option]) => {
    const given = values[name];
    try {
      return [name, option.read(given === undefined ? undefined : String(given))];
    } catch (error) {
      throw new Error(`--${name} ${String(given)}: ${(error as Error).message}`, { cause: error });
    }
  });
  return Object.fromEntries(read) as BenchOptions<Of>;
}

/** The options of this process. For `--help`, and for what cannot be read, says `usage` and ends the process. */
export function benchOptions<Of extends Spec>(usage: string, spec: Of): BenchOptions<Of> {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return readBenchOptions(spec, args);
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
}

const isPositive = (value: number): boolean => value > 0 && Number.isFinite(value);

function number<Usual extends number | undefined>(
  usual: Usual,
  expected: string,
  fits: (value: number) => boolean,
): BenchOption<number | Usual> {
  return {
    isFlag: false,
    read(given) {
      if (given === undefined) return usual;
      const value = Number(given);
      if (given.trim() === '' || !fits(value)) throw new Error(`expected ${expected}`);
      return value;
    },
  };
}
