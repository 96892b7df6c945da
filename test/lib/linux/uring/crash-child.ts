/**
 * Serves on a ring, with connections in direct descriptors, and ends without closing anything, in the way its argument
 * says: `node crash-child.js HOST MODE`. Sends `ready`, then `accepted`.
 */
import { listeningSocket } from '../../../../lib/linux/index.ts';
import {
  BufferGroup,
  direct,
  DirectTable,
  prepareAcceptMultishotDirect,
  prepareReceiveMultishot,
  Ring,
  RingLoop,
} from '../../../../lib/linux/uring/index.ts';

const [host = '', mode = ''] = process.argv.slice(2);
const listener = listeningSocket({ endpoint: { host, port: 7_000 }, reusePort: false, backlog: 16 });
const ring = new Ring({ entries: 16 });
new DirectTable(ring, { slots: 4 });
new BufferGroup(ring, { group: 0, buffers: 4, bufferBytes: 1_024 });
prepareAcceptMultishotDirect(ring.sqe(0, 0), listener);
const loop = new RingLoop({
  ring,
  handle: (low, _high, result) => {
    if (low !== 0) return;
    prepareReceiveMultishot(ring.sqe(1, 0), direct(result), 0);
    process.send?.('accepted');
  },
});
loop.flush();
process.on('message', () => {
  if (mode === 'exit') process.exit(3);
  if (mode === 'throw') throw new Error('on purpose');
});
process.send?.('ready');
