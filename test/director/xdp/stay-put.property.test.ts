import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { mountBpffs, unmountBpffs } from '../../../lib/linux/bpf/index.ts';
import { detachPinned } from '../../../director/xdp/data-path.ts';
import { kernelTest } from '../../lib/linux/bpf/kernel-test.ts';
import { ifindexOf, ownNamespaces, temporaryDirectory } from '../../lib/linux/bpf/own-namespaces.ts';
import { ManualClock } from '../../manual-clock.ts';
import { makeWire } from './small-data-path.ts';
import { SmallPlane } from './small-plane.ts';
import { StayPutWorld, step } from './stay-put-world.ts';

/** More for a longer search. */
const sequences = Number(process.env['HEADGATE_SEQUENCES'] ?? 6);

test.before(() => {
  if (ownNamespaces().available) makeWire();
});

kernelTest(
  'through any changes, deaths and restarts no established connection changes its balancer or mode, none begins where it must not, and who has left is forgotten',
  async (t) => {
    const root = temporaryDirectory();
    mountBpffs(root);
    let looked = 0;
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 40, size: 'max' }), async (steps) => {
          const directory = join(root, 'd1');
          const director = new SmallPlane({
            directory,
            ifindex: ifindexOf('hg-xdp-a'),
            clock: new ManualClock(),
          });
          const world = new StayPutWorld(director);
          try {
            await world.begin();
            for (const each of steps) await world.take(each);
            await world.end();
            looked += world.looked;
          } finally {
            await director.kill();
            director.close();
            detachPinned(directory);
          }
        }),
        { numRuns: sequences, includeErrorInReport: true },
      );
    } finally {
      unmountBpffs(root);
      rmSync(dirname(root), { recursive: true });
    }
    t.log(`${looked} packets of established connections`);
    t.true(looked > 50 * sequences);
  },
  [ownNamespaces],
);
