import fc from 'fast-check';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { frame, state } from '../forward/arbitraries.ts';
import { difference, withKernel } from './kernel.ts';

/** Four tests, so that each stays far from the runner's timeout on a busy machine; 100,000 packets at least in all. */
const parts = 4;
const rowsPerPart = Number(process.env['HEADGATE_MODEL_ROWS'] ?? 2_100) / parts;
/** Packets of a row, which come twice: the second time they find what the first left in the tables. */
const framesPerRow = 24;

for (let part = 1; part <= parts; part++) {
  const title = `the program does to random and adversarial packets what forward() says: verdict, bytes, tables, counters (${part} of ${parts})`;
  kernelTest(title, (t) => {
    withKernel((kernel) => {
      let packets = 0;
      const frames = fc.array(frame, { minLength: framesPerRow, maxLength: framesPerRow });
      fc.assert(
        fc.property(state, frames, (start, once) => {
          const twice = [...once, ...once];
          packets += twice.length;
          const wrong = difference(kernel, start, twice);
          if (wrong !== undefined) throw new Error(wrong);
        }),
        { numRuns: Math.ceil(rowsPerPart) },
      );
      t.true(packets >= rowsPerPart * framesPerRow * 2);
    });
  });
}
