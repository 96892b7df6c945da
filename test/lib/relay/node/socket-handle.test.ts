import { existsSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import {
  descriptorOf,
  resetSocket,
  startReading,
  stopReading,
} from '../../../../lib/relay/node/socket-handle.ts';
import { connectPeer, servePeers, type Peer } from '../peer.ts';
import { until } from '../../../until.ts';

async function pair(t: ExecutionContext): Promise<[Peer, Peer]> {
  const server = await servePeers({ host: '127.30.0.12' });
  const client = await connectPeer(server.endpoint);
  t.teardown(() => server.close());
  t.teardown(() => client.socket.destroy());
  return [client, await server.peer()];
}

/** What is done to a socket right before it is reset, and what its peer may hear. */
const states: readonly [string, (peer: Peer) => void, string][] = [
  ['idle', () => undefined, 'ECONNRESET'],
  ['with bytes just written', (peer) => peer.send('bytes'), 'ECONNRESET'],
  ['with bytes nobody reads', (peer) => peer.send(Buffer.alloc(50_000_000)), 'ECONNRESET'],
  [
    'with FIN waiting behind bytes',
    (peer) => (peer.send(Buffer.alloc(50_000_000)), peer.end()),
    'ECONNRESET',
  ],
  // The FIN is out before the RST can be; the kernel reports what follows as EPIPE.
  ['in the turn that sends FIN', (peer) => peer.end(), 'EPIPE'],
];
for (const [state, prepare, code] of states) {
  test.serial(`a socket is reset ${state}, at once, and its descriptor closed`, async (t) => {
    const [client, server] = await pair(t);
    const descriptor = `/proc/self/fd/${descriptorOf(server.socket)}`;
    t.true(existsSync(descriptor));
    client.socket.pause();
    prepare(server);
    resetSocket(server.socket);
    await until(() => server.closed, 'the socket is closed');
    t.false(existsSync(descriptor), 'the descriptor is closed');
    await until(() => (client.failure ||= client.kernelError()) !== '', 'the peer hears RST');
    t.is(client.failure, code);
    t.notThrows(() => resetSocket(server.socket));
    t.is(server.failure, '');
  });
}

test.serial('stopped reading takes in nothing until it is started again', async (t) => {
  const [client, server] = await pair(t);
  stopReading(server.socket);
  client.send('held');
  await until(() => client.socket.writableLength === 0, 'the bytes are sent');
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  t.is(server.socket.bytesRead, 0);
  startReading(server.socket);
  await server.hears('held');
});
