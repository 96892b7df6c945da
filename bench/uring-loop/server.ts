/**
 * The measured process: `node server.js MODE HOST PORT CONNECTIONS`. Sends `ready` to its parent when it listens, and
 * the 99th percentile of the lateness of a 10 ms timer of the main thread (ms) whenever it is asked.
 */
import { createServer } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { RingLoop } from '../../lib/linux/uring/index.ts';
import { Echo } from './echo.ts';
import type { Mode } from './modes.ts';

const [mode, host, port, connections] = process.argv.slice(2) as [Mode, string, string, string];
const resolutionMs = 10;
const nsPerMs = 1e6;
const delay = monitorEventLoopDelay({ resolution: resolutionMs });
delay.enable();
process.on('message', (question) => {
  if (question === 'reset') delay.reset();
  else process.send?.({ lateMs: Math.max(0, delay.percentile(99) / nsPerMs - resolutionMs) });
});
process.on('disconnect', () => process.exit());

switch (mode) {
  case 'node': {
    const server = createServer((socket) =>
      socket
        .setNoDelay(true)
        .on('error', () => undefined)
        .pipe(socket),
    );
    server.listen({ host, port: Number(port), backlog: 4_096 }, () => process.send?.('ready'));
    break;
  }
  case 'loop': {
    const { ring, handle, afterBatch } = new Echo(host, Number(port), Number(connections));
    new RingLoop({ ring, handle, afterBatch }).flush();
    process.send?.('ready');
    break;
  }
  case 'thread': {
    const worker = new Worker(new URL('thread.js', import.meta.url), {
      workerData: { host, port: Number(port), connections: Number(connections) },
    });
    worker.once('message', () => process.send?.('ready'));
    break;
  }
}
