/** The topology loader against files that somebody broke: it never throws, and tells every problem with its place. */
import fc from 'fast-check';
import { brokenTexts } from '../test/fuzz/mutate.ts';
import { loaderOn, seeds } from '../test/fuzz/topology.ts';
import { fileData, layout, textOf } from '../test/topology/sample.ts';
import type { Progress } from './progress.ts';
import type { SoakResult } from './result.ts';
import { SeededRandom } from './seeded-random.ts';

/** Valid files made anew for each batch, and texts broken out of these and of the fixed ones. */
const filesPerBatch = 50;
const textsPerBatch = 10_000;
const mostProblems = 10;

/** The texts of the batch of a seed; always the same. */
export function* brokenFiles(seed: number): Generator<string> {
  const made = fc
    .sample(fc.tuple(fileData, layout), { numRuns: filesPerBatch, seed })
    .map(([data, how]) => textOf(data, how));
  const texts = brokenTexts([...seeds, ...made], new SeededRandom(seed));
  for (let count = 0; count < textsPerBatch; count++) yield texts.next().value;
}

/** Batch k has the seed `seed` + k, so that a batch that fails is repeated by its own seed. */
export async function soakTopology(seed: number, progress: Progress): Promise<SoakResult> {
  const problems: string[] = [];
  let valid = 0;
  for (let batchSeed = seed; !isDone(); batchSeed = (batchSeed + 1) >>> 0) {
    for (const text of brokenFiles(batchSeed)) {
      const { isValid, wrong } = loaderOn(text);
      if (isValid) valid++;
      if (wrong !== undefined) problems.push(`seed ${batchSeed}: ${wrong}: ${JSON.stringify(text)}`);
      progress.advance(1, () => `${problems.length} problems`);
      if (isDone()) break;
    }
  }
  return { cases: progress.cases, problems, facts: { valid, filesPerBatch, textsPerBatch } };

  function isDone(): boolean {
    return progress.isOver || problems.length >= mostProblems;
  }
}
