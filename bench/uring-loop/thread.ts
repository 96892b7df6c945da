/** A thread that blocks in its ring. Between batches it looks for messages, as a relay there would have to. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import {
  EventDescriptor,
  packLow,
  POLLIN,
  preparePollMultishot,
  unpackKind,
} from '../../lib/linux/uring/index.ts';
import { Echo } from './echo.ts';

const { host, port, connections } = workerData as { host: string; port: number; connections: number };
const wakeKind = 9;
const echo = new Echo(host, port, connections);
const wake = new EventDescriptor();
let woken = false;
preparePollMultishot(echo.ring.sqe(packLow(wakeKind, 0), 0), wake.fd, POLLIN);
parentPort?.postMessage('ready');
const handle = (low: number, high: number, result: number, flags: number): void => {
  if (unpackKind(low) === wakeKind) woken = true;
  else echo.handle(low, high, result, flags);
};
for (;;) {
  echo.ring.wait(1);
  echo.ring.drain(handle);
  echo.afterBatch();
  if (woken && parentPort !== null) {
    woken = false;
    wake.clear();
    while (receiveMessageOnPort(parentPort) !== undefined);
  }
}
