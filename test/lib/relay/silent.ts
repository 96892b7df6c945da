import net from 'node:net';
import type { ExecutionContext } from 'ava';
import type { Endpoint } from '../../../lib/address/index.ts';
import { acceptQueue, listeningSocket, localEndpoint } from '../../../lib/linux/index.ts';
import { until } from '../../until.ts';
import { closeSync } from 'node:fs';

/** An address that never answers a connect: a listener that accepts nothing, its accept queue full. */
export async function silentEndpoint(t: ExecutionContext, host: string): Promise<Endpoint> {
  const fd = listeningSocket({ endpoint: { host, port: 0 }, reusePort: false, backlog: 1 });
  const { port } = localEndpoint(fd);
  t.teardown(() => closeSync(fd));
  const fillers: net.Socket[] = [];
  t.teardown(() => fillers.forEach((socket) => socket.destroy()));
  // The kernel lets one more in than the backlog says.
  for (let count = 0; count < 2; count++) {
    const socket = net.connect({ host, port }).on('error', () => undefined);
    fillers.push(socket);
    await until(() => !socket.connecting, 'the accept queue fills');
  }
  await until(() => acceptQueue(fd).queued === 2, 'the accept queue is full');
  return { host, port };
}

/** An address that refuses: nobody listens at it. A port that was free a moment ago may be another test's by now. */
export const refusingEndpoint: Endpoint = { host: '127.30.200.1', port: 9 };
