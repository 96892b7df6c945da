import fc from 'fast-check';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { frame, state } from '../forward/arbitraries.ts';
import { difference, withKernel } from './kernel.ts';

/** Rows of packets, and packets in each: 100,000 at least in all. */
const rows = Number(process.env['HEADGATE_MODEL_ROWS'] ?? 2_100);
const packetsPerRow = 48;

kernelTest(
  'the program does to random and adversarial packets what forward() says: verdict, bytes, tables, counters',
  (t) => {
    withKernel((kernel) => {
      let packets = 0;
      fc.assert(
        fc.property(
          state,
          fc.array(frame, { minLength: packetsPerRow, maxLength: packetsPerRow }),
          (start, frames) => {
            packets += frames.length;
            const wrong = difference(kernel, start, frames);
            if (wrong !== undefined) throw new Error(wrong);
          },
        ),
        { numRuns: rows },
      );
      t.true(packets >= rows * packetsPerRow);
    });
  },
);
