import net from 'node:net';
import type { ExecutionContext } from 'ava';
import type { Endpoint } from '../../../lib/address/index.ts';
import { acceptQueue, listeningSocket } from '../../../lib/linux/index.ts';
import { until } from '../../until.ts';
import { closeSync } from 'node:fs';

/** An address that never answers a connect: a listener that accepts nothing, its accept queue full. */
export async function silentEndpoint(t: ExecutionContext, host: string): Promise<Endpoint> {
  const probe = net.createServer();
  await new Promise<void>((resolve) => probe.listen({ host, port: 0 }, resolve));
  const { port } = probe.address() as net.AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const fd = listeningSocket({ endpoint: { host, port }, reusePort: false, backlog: 1 });
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

/** An address that refuses: its port was free a moment ago. */
export async function refusingEndpoint(host: string): Promise<Endpoint> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen({ host, port: 0 }, resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return { host, port };
}
