import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { listeningSocket } from '../../../../lib/linux/index.ts';
import { DirectTable } from '../../../../lib/linux/uring/index.ts';
import { makeEvent, makeRing, openKernelObjects, uringTest } from './support.ts';

for (const [mode, host] of [
  ['kill', '127.90.13.1'],
  ['exit', '127.90.13.2'],
  ['throw', '127.90.13.3'],
] as const) {
  uringTest(
    `a process that ends by ${mode} leaves no ring, no connection and no listener behind`,
    async (t) => {
      const child = fork(new URL('crash-child.js', import.meta.url), [host, mode], { silent: true });
      t.teardown(() => child.kill('SIGKILL'));
      await once(child, 'message');
      const client = connect({ host, port: 7_000 });
      t.teardown(() => client.destroy());
      client.on('error', () => undefined).resume();
      await Promise.all([once(client, 'connect'), once(child, 'message')]);
      const closed = once(client, 'close');
      const exited = once(child, 'exit');
      if (mode === 'kill') child.kill('SIGKILL');
      else child.send('end');
      await Promise.all([closed, exited]);
      // The address is free again: the listener, which only the ring's request and the process held, is gone.
      const fd = listeningSocket({ endpoint: { host, port: 7_000 }, reusePort: false, backlog: 1 });
      closeSync(fd);
      t.pass();
    },
  );
}

uringTest('a program started by the process gets no ring, no eventfd and no socket', async (t) => {
  const ring = makeRing(t);
  new DirectTable(ring, { slots: 4 });
  ring.notify(makeEvent(t));
  const { stdout } = await promisify(execFile)('ls', ['-l', '/proc/self/fd']);
  t.notRegex(stdout, /io_uring|eventfd/);
});

uringTest('a thread that is ended while it runs a ring does not take the process with it', async (t) => {
  const room = new URL('../../../../lib/linux/uring/index.js', import.meta.url).href;
  const before = openKernelObjects().length;
  const source = `
    import { parentPort } from 'node:worker_threads';
    import { Ring, RingLoop } from ${JSON.stringify(room)};
    const ring = new Ring({ entries: 8 });
    const loop = new RingLoop({ ring, handle: () => undefined });
    parentPort.on('message', () => { loop.close(); ring.close(); parentPort.close(); });
    parentPort.postMessage('ready');
  `;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  t.teardown(() => worker.terminate());
  await once(worker, 'message');
  worker.postMessage('end');
  await once(worker, 'exit');
  t.is(openKernelObjects().length, before);
  const killed = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  await once(killed, 'message');
  await killed.terminate();
  t.pass();
});
