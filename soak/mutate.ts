/** Ways in which people and disks break a YAML file. */
import type { SeededRandom } from './seeded-random.ts';

type Mutation = (text: string, random: SeededRandom) => string;

const tokens = [
  ':', ' ', '\n', '\t', '- ', '{', '}', '[', ']', '"', "'", '#', '&a ', '*a', '!!', '|', '>', '? ', '---\n', '...',
  ',', '\r\n', '\u0000', '\ufeff', '\u2028', '💧', '~', 'null', 'true', '1e999', '-1', '0x', '99999999999999999999',
  '__proto__', 'constructor', '<<: *a', '%YAML 1.1\n', '1s', '64KiB', '::1', '[::1]:7000', '256.0.0.1', 'drain',
]; // prettier-ignore

const place = (text: string, random: SeededRandom): number => random.whole(0, text.length);

function withLines(
  text: string,
  change: (lines: string[], at: number) => void,
  random: SeededRandom,
): string {
  const lines = text.split('\n');
  change(lines, random.whole(0, lines.length - 1));
  return lines.join('\n');
}

const mutations: readonly Mutation[] = [
  (text, random) => {
    const at = place(text, random);
    return text.slice(0, at) + random.pick(tokens) + text.slice(at);
  },
  (text, random) => {
    const at = place(text, random);
    return text.slice(0, at) + text.slice(at + random.whole(1, 8));
  },
  (text, random) => {
    const at = place(text, random);
    return text.slice(0, at) + String.fromCharCode(random.whole(0, 0xff)) + text.slice(at + 1);
  },
  (text, random) => text.slice(0, place(text, random)),
  (text, random) => withLines(text, (lines, at) => lines.splice(at, 1), random),
  (text, random) => withLines(text, (lines, at) => lines.splice(at, 0, lines[at]!), random),
  (text, random) =>
    withLines(
      text,
      (lines, at) => lines.splice(at, 1, `${' '.repeat(random.whole(0, 9))}${lines[at]!.trim()}`),
      random,
    ),
  (text, random) =>
    withLines(
      text,
      (lines, at) => {
        const other = random.whole(0, lines.length - 1);
        [lines[at], lines[other]] = [lines[other]!, lines[at]!];
      },
      random,
    ),
  (text, random) => {
    const words = text.match(/[\w.]+/g) ?? [''];
    return text.replace(random.pick(words), () => random.pick([...tokens, ...words]));
  },
  (text, random) => {
    const [from, to] = [place(text, random), place(text, random)].toSorted((a, b) => a - b) as [
      number,
      number,
    ];
    return text.slice(0, to) + text.slice(from, Math.min(to, from + 400)) + text.slice(to);
  },
];

/** `text` with one to four changes. */
export function mutate(text: string, random: SeededRandom): string {
  let mutant = text;
  for (let changes = random.whole(1, 4); changes > 0; changes--)
    mutant = random.pick(mutations)(mutant, random);
  return mutant;
}
