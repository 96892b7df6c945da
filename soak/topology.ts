/** The topology loader against files that somebody broke: it never throws, and tells every problem with its place. */
import fc from 'fast-check';
import { describeError } from '../lib/errors/index.ts';
import { parseTopology, showTopology } from '../topology/index.ts';
import { fileData, layout, textOf } from '../test/topology/sample.ts';
import { mutate } from './mutate.ts';
import type { Progress } from './progress.ts';
import type { SoakResult } from './result.ts';
import { SeededRandom } from './seeded-random.ts';

/** Valid files made anew for each batch, and files broken out of each. */
const filesPerBatch = 50;
const mutantsPerFile = 200;
const mostProblems = 10;

/** What is wrong with the way the loader treats a text; undefined when nothing is. */
export function wrongWithLoader(text: string): string | undefined {
  try {
    const result = parseTopology(text, 'soak.yaml');
    if (result.topology === undefined) return wrongPlaces(text, result.problems);
    const again = parseTopology(showTopology(result.topology), 'soak.yaml');
    if (again.topology?.hash !== result.topology.hash)
      return 'what `topology show` writes means something else';
    return undefined;
  } catch (error) {
    return `threw ${describeError(error)}`;
  }
}

function wrongPlaces(
  text: string,
  problems: readonly { readonly line: number; readonly column: number; readonly message: string }[],
): string | undefined {
  if (problems.length === 0) return 'refused without a problem';
  const lines = text.split('\n');
  for (const { line, column, message } of problems) {
    if (message === '') return 'a problem without words';
    const length = lines[line - 1]?.length;
    if (length === undefined || column < 1 || column > length + 1)
      return `a place outside of the file: ${line}:${column} ${message}`;
  }
  return undefined;
}

/** The files of the batch of a seed, broken; always the same. */
export function* brokenFiles(seed: number): Generator<string> {
  const random = new SeededRandom(seed);
  for (const [data, how] of fc.sample(fc.tuple(fileData, layout), { numRuns: filesPerBatch, seed })) {
    const text = textOf(data, how);
    for (let mutant = 0; mutant < mutantsPerFile; mutant++) yield mutate(text, random);
  }
}

/** Batch k has the seed `seed` + k, so that a batch that fails is repeated by its own seed. */
export async function soakTopology(seed: number, progress: Progress): Promise<SoakResult> {
  const problems: string[] = [];
  for (let batchSeed = seed; !isDone(); batchSeed = (batchSeed + 1) >>> 0) {
    for (const text of brokenFiles(batchSeed)) {
      const wrong = wrongWithLoader(text);
      if (wrong !== undefined) problems.push(`seed ${batchSeed}: ${wrong}: ${JSON.stringify(text)}`);
      progress.advance(1, () => `${problems.length} problems`);
      if (isDone()) break;
    }
  }
  return { cases: progress.cases, problems, facts: { filesPerBatch, mutantsPerFile } };

  function isDone(): boolean {
    return progress.isOver || problems.length >= mostProblems;
  }
}
