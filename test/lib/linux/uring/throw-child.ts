/** Throws in a handler under a RingLoop that was woken by its ring, after closing both. */
import { prepareRingMessage, Ring, RingLoop } from '../../../../lib/linux/uring/index.ts';

const ring = new Ring({ entries: 8 });
const other = new Ring({ entries: 8 });
const loop = new RingLoop({
  ring,
  handle: () => {
    loop.close();
    ring.close();
    throw new Error('thrown by the handler');
  },
});
prepareRingMessage(other.sqe(0, 0), ring.fd, 0, 0, 0);
other.submit();
