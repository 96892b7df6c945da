/** Throws in a handler under a RingLoop. */
import { prepareNop, Ring, RingLoop } from '../../../../lib/linux/uring/index.ts';

const ring = new Ring({ entries: 8 });
const loop = new RingLoop({
  ring,
  handle: () => {
    throw new Error('thrown by the handler');
  },
});
prepareNop(ring.sqe(0, 0));
loop.flush();
