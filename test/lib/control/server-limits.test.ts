/** What authenticated peers, and the machine itself, can do to a server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { encodeFrame, type Frame } from '../../../lib/control/frame.ts';
import { bareClient, join, serve } from './helpers.ts';
import { until } from '../../until.ts';

const bytesOf = (frame: Frame): Buffer => encodeFrame(frame, 1_048_576);
const hello = bytesOf({ kind: 'hello', id: 1, method: '', body: {} });

/** A peer that has said hello and then sends what the test wants, in clear. */
async function localPeer(t: ExecutionContext) {
  const folder = await mkdtemp(joinPath(tmpdir(), 'headgate-'));
  t.teardown(async () => rm(folder, { recursive: true }));
  const { server, lines } = await serve(t);
  const path = joinPath(folder, 's');
  await server.listenLocal(path);
  const socket = net.connect(path);
  t.teardown(() => socket.destroy());
  let received = 0;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => (received += chunk.length));
  socket.write(hello);
  await until(() => received > 0, 'the answer to the hello');
  return { server, socket, lines };
}

const breaks: readonly (readonly [title: string, bytes: Buffer])[] = [
  ['a frame beyond the limit', Buffer.from('00100000', 'hex')],
  ['a second hello', hello],
  ['a response', bytesOf({ kind: 'response', id: 1, method: '', body: null })],
  ['an error', bytesOf({ kind: 'error', id: 1, method: '', body: null })],
  ['an unknown kind', Buffer.from('00000008' + '09' + '00' + '00000001' + '7b7d', 'hex')],
];

for (const [title, bytes] of breaks) {
  test(`${title} from an authenticated peer closes it and is counted`, async (t) => {
    const { server, socket, lines } = await localPeer(t);
    socket.write(bytes);
    await until(() => socket.closed, 'the end');
    t.is(server.stats().refusedProtocol, 1);
    t.is(lines.length, 1);
  });
}

test('a frame that never ends is held until the connection does, and costs no more than a frame', async (t) => {
  const { server, socket } = await localPeer(t);
  const frame = bytesOf({ kind: 'notify', id: 0, method: 'tell', body: 'x'.repeat(1_000_000) });
  let told = 0;
  server.handle('tell', () => (told += 1));
  socket.write(frame.subarray(0, -1));
  socket.end();
  await until(() => socket.closed && server.stats().open === 0, 'the end');
  t.is(told, 0);
});

test('notifies that come faster than they are worked on are dropped and counted', async (t) => {
  const { server, socket } = await localPeer(t);
  let held = 0;
  server.handle('hold', async () => {
    held += 1;
    return new Promise(() => undefined);
  });
  for (let n = 0; n < 100; n += 1) socket.write(bytesOf({ kind: 'notify', id: 0, method: 'hold', body: n }));
  await until(() => server.stats().droppedMessages === 36, 'the rest is dropped');
  t.is(held, 64);
});

test('a server out of descriptors does not crash, and serves again when there are some', async (t) => {
  const file = new URL('../heartbeat/fixture-node.js', import.meta.url).pathname;
  const child = spawn('sh', ['-c', 'ulimit -n 48 && exec "$0" "$@"', process.execPath, file, '127.20.0.7'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  const endpoint = { host: '127.20.0.7', port: Number(port) };
  const clients = await Promise.all(Array.from({ length: 100 }, async () => bareClient(t, endpoint)));
  // Those it could take are greeted; it closes the others or leaves them waiting.
  await until(() => clients.some(({ received }) => received().length > 0), 'some are greeted');
  await t.throwsAsync(join(t, endpoint, { timeoutMs: 500 }));
  for (const { socket } of clients) socket.destroy();
  await until(() => clients.every(({ socket }) => socket.closed), 'all closed');
  // The server sees the descriptors come back one by one.
  const connection = await until(() => join(t, endpoint), 'the server to serve again');
  t.is(await connection.request('ping', null, 10_000), null);
  t.is(child.exitCode, null);
});
