/** The eBPF program in the kernel against forward(), the model: the generators of `npm test`, for as long as one likes. */
import fc from 'fast-check';
import { bpfAvailable } from '../lib/linux/bpf/index.ts';
import { frame, state } from '../test/director/forward/arbitraries.ts';
import { difference, withKernel } from '../test/director/xdp/kernel.ts';
import type { Progress } from './progress.ts';
import type { SoakResult } from './result.ts';
import { SeededRandom } from './seeded-random.ts';

/** Frames made anew for each batch: making one costs several times as much as running it. */
const framesPerBatch = 4_800;
/** Arbitrary states per batch; in each a row of frames of the batch, by chance, finds what those before it left. */
const rowsPerBatch = 100;
const framesPerRow = 480;

/**
 * Batch after batch, batch k with the seed `seed` + k, so that a batch that fails is repeated by its own seed and one case. A
 * case is one packet, in a state that those before it in its row made.
 */
export async function soakModel(seed: number, progress: Progress): Promise<SoakResult> {
  const available = bpfAvailable();
  if (!available.available) throw new Error(available.reason);
  const problems: string[] = [];
  let batches = 0;
  withKernel((kernel) => {
    for (; !progress.isOver && problems.length < mostProblems; batches++) {
      const batchSeed = (seed + batches) >>> 0;
      const frames = fc.sample(frame, { numRuns: framesPerBatch, seed: batchSeed });
      const states = fc.sample(state, { numRuns: rowsPerBatch, seed: batchSeed });
      const random = new SeededRandom(batchSeed);
      for (const [row, start] of states.entries()) {
        const packets = Array.from({ length: framesPerRow }, () => random.pick(frames));
        const wrong = difference(kernel, start, packets);
        if (wrong !== undefined) problems.push(`seed ${batchSeed}, row ${row}: ${wrong}`);
        progress.advance(packets.length, () => `${problems.length} differences`);
        if (progress.isOver || problems.length >= mostProblems) break;
      }
    }
  });
  return { cases: progress.cases, problems, facts: { framesPerBatch, rowsPerBatch, framesPerRow, batches } };
}

const mostProblems = 10;
