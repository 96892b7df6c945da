/** The eBPF program in the kernel against forward(), the model: the generators of `npm test`, for as long as one likes. */
import fc from 'fast-check';
import type { FormName } from '../director/xdp/index.ts';
import { bpfAvailable } from '../lib/linux/bpf/index.ts';
import { frame, segmentBytes } from '../test/director/forward/arbitrary-frames.ts';
import { state } from '../test/director/forward/arbitrary-state.ts';
import { difference, withKernel, type Kernel } from '../test/director/xdp/kernel.ts';
import type { Progress } from './progress.ts';
import type { SoakResult } from './result.ts';
import { SeededRandom } from './seeded-random.ts';

/** Frames made anew for each batch: making one costs several times as much as running it. */
const framesPerBatch = 4_800;
/** Arbitrary states per batch; in each a row of frames of the batch, by chance, finds what those before it left. */
const rowsPerBatch = 100;
const framesPerRow = 480;
const mostProblems = 10;

interface Row {
  readonly start: Parameters<typeof difference>[1];
  readonly frames: readonly Uint8Array[];
  readonly segments: readonly number[];
}

/** The rows of the batch of a seed; always the same. */
export function* modelRows(seed: number): Generator<Row> {
  const frames = fc.sample(fc.tuple(frame, segmentBytes), { numRuns: framesPerBatch, seed });
  const random = new SeededRandom(seed);
  for (const start of fc.sample(state, { numRuns: rowsPerBatch, seed })) {
    const row = Array.from({ length: framesPerRow }, () => random.pick(frames));
    yield { start, frames: row.map(([each]) => each), segments: row.map(([, bytes]) => bytes) };
  }
}

/**
 * Batch after batch, batch k with the seed `seed` + k, so that a batch that fails is repeated by its own seed and few cases.
 * A case is one packet run by both, in a state that those before it in its row made; the rows take the forms of the
 * program in turn.
 */
export async function soakModel(seed: number, progress: Progress): Promise<SoakResult> {
  const available = bpfAvailable();
  if (!available.available) throw new Error(available.reason);
  const problems: string[] = [];
  const cases: Record<FormName, number> = { xdp: 0, tcx: 0 };
  withKernel('xdp', (xdp) => {
    withKernel('tcx', (tcx) => {
      for (let batchSeed = seed; !isDone(); batchSeed = (batchSeed + 1) >>> 0) {
        let row = 0;
        for (const { start, frames, segments } of modelRows(batchSeed)) {
          const kernel: Kernel = row++ % 2 === 0 ? xdp : tcx;
          const wrong = difference(kernel, start, frames, segments);
          if (wrong !== undefined) problems.push(`seed ${batchSeed}, row ${row}, ${kernel.form}: ${wrong}`);
          cases[kernel.form] += frames.length;
          progress.advance(frames.length, () => `${problems.length} differences`);
          if (isDone()) break;
        }
      }
    });
  });
  return {
    cases: progress.cases,
    problems,
    facts: { casesByForm: cases, framesPerBatch, rowsPerBatch, framesPerRow },
  };

  function isDone(): boolean {
    return progress.isOver || problems.length >= mostProblems;
  }
}
