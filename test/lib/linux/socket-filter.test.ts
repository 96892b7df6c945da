import { once } from 'node:events';
import { closeSync } from 'node:fs';
import net from 'node:net';
import test from 'ava';
import {
  acceptQueue,
  attachFilter,
  dropAll,
  encodeFilter,
  linuxAvailable,
  listeningSocket,
  localEndpoint,
  takeAll,
} from '../../../lib/linux/index.ts';

const linux = linuxAvailable();
const kernelTest = linux.available ? test : test.skip;
if (!linux.available) test(`no system calls here: ${linux.reason}`, (t) => t.pass());

kernelTest(
  'a listener that drops all neither answers nor refuses; without the filter it does answer',
  async (t) => {
    const listener = listeningSocket({
      endpoint: { host: '127.0.0.1', port: 0 },
      reusePort: false,
      backlog: 8,
    });
    t.teardown(() => closeSync(listener));
    attachFilter(listener, dropAll);
    const socket = net.connect(localEndpoint(listener));
    t.teardown(() => socket.destroy());
    const refused = once(socket, 'error').then(() => 'refused');
    // The kernel has dropped the SYN within the call that sent it; a refusal would be there by then.
    const first = await Promise.race([
      refused,
      once(socket, 'connect').then(() => 'connected'),
      new Promise((resolve) => void setTimeout(resolve, 50, 'nothing')),
    ]);
    t.is(first, 'nothing');
    t.is(acceptQueue(listener).queued, 0);
    attachFilter(listener, [takeAll]);
    await once(socket, 'connect');
    t.is(acceptQueue(listener).queued, 1);
  },
);

kernelTest('a filter without instructions, or with too many, is refused', (t) => {
  t.throws(() => encodeFilter([]), { instanceOf: RangeError });
  t.throws(() => encodeFilter(Array.from({ length: 4_097 }, () => takeAll)), { instanceOf: RangeError });
});
