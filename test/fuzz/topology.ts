/** Random and mutated topologies: whatever the text, the loader answers with a topology or with located problems. */
import { SeededRandom } from '../../soak/seeded-random.ts';
import { describeError } from '../../lib/errors/index.ts';
import { formatProblem, parseTopology, showTopology, type Problem } from '../../topology/index.ts';
import { brokenTexts } from './mutate.ts';

export interface TopologyFuzz {
  readonly count: number;
  /** Texts that were valid all the same. */
  readonly valid: number;
  readonly problems: number;
}

/** Files to begin from; short, for most of the time goes into reading them. */
export const seeds = [
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

/** What the loader tells of a file at the most, and a last line that says so. */
const mostProblems = 201;

/** Throws with the seed and the text when a rule is broken. */
export function fuzzTopology(count: number, seed: number): TopologyFuzz {
  const texts = brokenTexts(seeds, new SeededRandom(seed));
  let valid = 0;
  for (let index = 0; index < count; index++) {
    const text = texts.next().value;
    const { isValid, wrong } = loaderOn(text);
    if (isValid) valid++;
    if (wrong !== undefined)
      throw new Error(`seed ${seed}, text ${index} of ${count}: ${wrong}; the text: ${JSON.stringify(text)}`);
  }
  return { count, valid, problems: count - valid };
}

/**
 * How the loader takes a text, and what is wrong with that; nothing should be. Most texts are wrong in many ways, each an
 * Error of the YAML library: their stacks, which nobody reads, would be a fifth of the work.
 */
export function loaderOn(text: string): { readonly isValid: boolean; readonly wrong: string | undefined } {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return judged(text);
  } catch {
    // Once more, to tell where.
    Error.stackTraceLimit = limit;
    return { isValid: false, wrong: `it throws ${thrownBy(text)}` };
  } finally {
    Error.stackTraceLimit = limit;
  }
}

function judged(text: string): ReturnType<typeof loaderOn> {
  const result = parseTopology(text, 'fuzz.yaml');
  const { topology } = result;
  if (topology === undefined) return { isValid: false, wrong: wrongWith(text, result.problems) };
  const again = parseTopology(showTopology(topology, '.'), 'fuzz.yaml').topology;
  const isSame = again?.hash === topology.hash;
  return { isValid: true, wrong: isSame ? undefined : 'what topology show writes means something else' };
}

function thrownBy(text: string): string {
  try {
    judged(text);
    return 'at first, and not again';
  } catch (error) {
    return error instanceof Error ? String(error.stack) : describeError(error);
  }
}

function wrongWith(text: string, problems: readonly Problem[]): string | undefined {
  if (problems.length === 0) return 'no topology and no problem';
  if (problems.length > mostProblems) return `${problems.length} problems`;
  const lines = text.split('\n');
  for (const problem of problems) {
    const { line, column, message } = problem;
    if (message === '') return 'a problem without words';
    const length = lines[line - 1]?.length;
    if (length === undefined || column < 1 || column > length + 1)
      return `a place outside of the file: ${line}:${column} ${message}`;
    if (formatProblem(problem).includes('\n')) return 'a problem of several lines';
  }
  return undefined;
}
