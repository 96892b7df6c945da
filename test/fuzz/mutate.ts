/** Ways in which people and disks break a YAML file; for the tests and the soak. */
import type { SeededRandom } from '../../soak/seeded-random.ts';

type Mutation = (text: string, random: SeededRandom) => string;

/** What YAML, JavaScript and the schema are touchy about. */
// prettier-ignore
const tokens = [
  ':', ': ', ' ', '\n', '\t', '\r', '\r\n', '- ', '{', '}', '[', ']', '[[[[[[[[[[', '{a: {a: {a: ', '"', "'", '#', ',',
  '&a ', '*a', '<<: ', '<<: *a', '!!', '!!binary ', '!x ', '|', '| ', '>', '>-\n', '? ', '---\n', '--- ', '...',
  '%YAML 1.1\n', '\u0000', '\uFEFF', '\u2028', '\uD800', '💧', '__proto__', '__proto__: ', 'constructor', 'toString',
  '~', 'null', 'true', 'yes', '.nan', '-.inf', '1e999', '-1', '0x', '0x7f', '0o17', '1_000', '4294967296',
  '99999999999999999999', '99999999999999999999s', '1s', '0ms', '64KiB', '::', '::1', '[::]:0', '[::1]:7000', '10.0.0.1',
  '256.0.0.1', '256.1.1.1:1', ':0', 'version', 'services: ', 'b1: ', 'weight: ', 'host: ', 'drain', 'drainUntil: ',
  'control: ', 'flows: ', 'forwarding: tun',
];

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
    return text.slice(0, at) + random.pick(tokens) + text.slice(at + random.whole(1, 12));
  },
  (text, random) => {
    const at = place(text, random);
    return text.slice(0, at) + text.slice(at + random.whole(1, 12));
  },
  (text, random) => {
    const at = place(text, random);
    return text.slice(0, at) + String.fromCharCode(random.whole(0, 0x24f)) + text.slice(at + 1);
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

/** Texts without end: mostly one of `from` broken, some with the end of another, some mere bytes. */
export function* brokenTexts(from: readonly string[], random: SeededRandom): Generator<string, never> {
  for (;;) {
    const kind = random.below(40);
    if (kind < 2) yield random.bytes(random.below(200)).toString(random.pick(['latin1', 'utf8']));
    else if (kind < 6) {
      const [head, tail] = [random.pick(from), random.pick(from)];
      yield mutate(head.slice(0, random.below(head.length)) + tail.slice(random.below(tail.length)), random);
    } else yield mutate(random.pick(from), random);
  }
}
