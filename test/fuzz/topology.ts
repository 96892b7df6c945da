/** Random and mutated topologies: whatever the text, the loader answers with a topology or with located problems. */
import { formatProblem, parseTopology, showTopology } from '../../topology/index.ts';
import { Random } from './random.ts';

export interface TopologyFuzz {
  readonly count: number;
  /** Texts that were valid all the same. */
  readonly valid: number;
  readonly problems: number;
}

const seeds = [
  `version: 1
cluster: chat
secret: { file: ./cluster.key }
services:
  chat: { listen: 203.0.113.10:9000, forwarding: dr }
directors:
  d1: { host: 10.0.0.1 }
balancers:
  b1: { host: 10.0.1.1, weight: 2 }
chatservers:
  c1: { address: 10.0.2.1:7000, heartbeat: { probe: tcp } }
`,
  `version: 1
cluster: x
secret: {env: S}
heartbeat: {interval: 250ms, misses: 3}
services: {a: {listen: "[2001:db8::1]:80"}}
directors: {d: {host: 10.0.0.1, control: 7401}}
balancers: {b: {host: 10.0.0.2, ports: {a: 8080}}}
chatservers: {c: {address: 10.0.0.3:1}}
`,
  `version: 1 # anchors
cluster: y
secret: &s { file: k }
services: { chat: { listen: 10.1.1.1:9000 } }
directors: { d1: &h { host: 10.0.0.1 } }
balancers: { b1: { host: 10.0.0.2, <<: *h } }
chatservers: { c1: { address: 10.0.0.3:7000, weight: 1 } }
`,
];

/** What YAML, JavaScript and the schema are touchy about. */
// prettier-ignore
const words = [
  '&a ', '*a', '<<: ', '!!binary ', '!x ', '? ', '- ', '--- ', '...', '%YAML 1.1\n', '| ', '>-\n', '#',
  '"', "'", '{', '}', '[', ']', '[[[[[[[[[[', '{a: {a: {a: ', ',', ':', ': ', '\n', '\t', '\r', '\u0000',
  '\uFEFF', '\u2028', '\uD800', '__proto__: ', 'constructor: ', 'toString', 'null', '~', 'true', 'yes',
  '.nan', '-.inf', '1e999', '0x7f', '0o17', '1_000', '-1', '4294967296', '1s', '0ms',
  '99999999999999999999s', '64KiB', '::', '[::]:0', '10.0.0.1', '256.1.1.1:1', ':0', 'version',
  'services: ', 'b1: ', 'weight: ', 'host: ', 'drainUntil: ', 'control: ', 'flows: ', 'forwarding: tun',
];

/** Throws with the seed and the text when a rule is broken. */
export function fuzzTopology(count: number, seed: number): TopologyFuzz {
  const random = new Random(seed);
  let valid = 0;
  let problems = 0;
  for (let index = 0; index < count; index++) {
    const text = someText(random);
    const wrong = violation(text, (isValid) => (isValid ? valid++ : problems++));
    if (wrong !== undefined)
      throw new Error(`seed ${seed}, text ${index} of ${count}: ${wrong}; the text: ${JSON.stringify(text)}`);
  }
  return { count, valid, problems };
}

function someText(random: Random): string {
  if (random.below(20) === 0)
    return random.bytes(random.below(200)).toString(random.pick(['latin1', 'utf8']));
  let text = random.pick(seeds);
  for (let left = random.below(4); left >= 0; left--) text = mutated(text, random);
  return text;
}

function mutated(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  const to = Math.min(text.length, at + random.below(12));
  const lines = text.split('\n');
  const line = random.below(lines.length);
  switch (random.below(8)) {
    case 0:
      return text.slice(0, at) + random.pick(words) + text.slice(at);
    case 1:
      return text.slice(0, at) + random.pick(words) + text.slice(to);
    case 2:
      return text.slice(0, at) + text.slice(to);
    case 3:
      return text.slice(0, at) + String.fromCharCode(random.below(0x250)) + text.slice(at + 1);
    case 4:
      return lines.toSpliced(line, 0, random.pick(lines)).join('\n');
    case 5:
      return lines.toSpliced(line, 1).join('\n');
    case 6:
      return lines.toSpliced(line, 1, ' '.repeat(random.below(6)) + lines[line]!.trimStart()).join('\n');
    default:
      return text.slice(0, at) + random.pick(seeds).slice(random.below(200));
  }
}

/** The rule that the answer to a text breaks. */
function violation(text: string, answered: (isValid: boolean) => void): string | undefined {
  try {
    const result = parseTopology(text, 'fuzz.yaml');
    answered(result.topology !== undefined);
    if (result.topology === undefined) {
      if (result.problems.length === 0) return 'no topology and no problem';
      for (const problem of result.problems) {
        if (!(problem.line >= 1 && problem.column >= 1))
          return `a problem without a place: ${formatProblem(problem)}`;
        if (formatProblem(problem).includes('\n')) return 'a problem of several lines';
      }
      return result.problems.length > 201 ? `${result.problems.length} problems` : undefined;
    }
    const again = parseTopology(showTopology(result.topology, '.'), 'fuzz.yaml').topology;
    return again?.hash === result.topology.hash ? undefined : 'shown and read again it means something else';
  } catch (error) {
    return `it throws ${error instanceof Error ? error.stack : String(error)}`;
  }
}
