import fc from 'fast-check';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { frame, segmentBytes } from '../forward/arbitrary-frames.ts';
import { state } from '../forward/arbitrary-state.ts';
import { difference, withKernel } from './kernel.ts';

/** Two tests of each form, so that each stays far from the runner's timeout on a busy machine; 100,000 packets at least in all. */
const parts = ['xdp', 'tcx', 'xdp', 'tcx'] as const;
const rowsPerPart = Number(process.env['HEADGATE_MODEL_ROWS'] ?? 2_100) / parts.length;
/** Packets of a row, which come twice: the second time they find what the first left in the tables. */
const framesPerRow = 24;

for (const [part, form] of parts.entries()) {
  const title = `the program does to random and adversarial packets what forward() says: verdict, bytes, tables, counters (${part + 1} of ${parts.length}, ${form})`;
  kernelTest(title, (t) => {
    withKernel(form, (kernel) => {
      let packets = 0;
      const count = { minLength: framesPerRow, maxLength: framesPerRow };
      const frames = fc.array(frame, count);
      fc.assert(
        fc.property(state, frames, fc.array(segmentBytes, count), (start, once, segments) => {
          const twice = [...once, ...once];
          packets += twice.length;
          const wrong = difference(kernel, start, twice, [...segments, ...segments]);
          if (wrong !== undefined) throw new Error(wrong);
        }),
        { numRuns: Math.ceil(rowsPerPart) },
      );
      t.true(packets >= rowsPerPart * framesPerRow * 2);
    });
  });
}
