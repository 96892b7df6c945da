import type { Server } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { acceptQueue, linuxAvailable } from '../../linux/index.ts';
import { descriptorOf } from './socket-handle.ts';

/**
 * Waits until the connections that are in the server's accept queue now have been accepted: the kernel resets those it
 * finds there when the socket closes. `accepts` counts what the server has accepted. Newcomers are not waited for, so this
 * ends however many there are.
 */
export async function drainAcceptQueue(server: Server, accepts: () => number): Promise<void> {
  const waiting = queuedAt(server);
  const enough = accepts() + waiting;
  // A turn of the event loop accepts at least one; the bound is for a server that has stopped to.
  for (let turns = 2 * waiting; turns > 0 && accepts() < enough && queuedAt(server) > 0; turns--) await nextTurn();
}

function queuedAt(server: Server): number {
  const fd = descriptorOf(server);
  return fd === undefined || !linuxAvailable().available ? 0 : acceptQueue(fd).queued;
}
