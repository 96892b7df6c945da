import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile, access } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { describeError } from '../../../lib/errors/index.ts';
import { connectLocal, createControlServer, type BoundControlServer } from '../../../lib/control/index.ts';
import { listenUnix } from '../../../lib/control/listen.ts';
import { key, memoryLog, serve } from './helpers.ts';
import { until } from '../../until.ts';

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(joinPath(tmpdir(), 'headgate-'));
  t.teardown(async () => rm(path, { recursive: true }));
  return path;
}

function server(t: ExecutionContext): BoundControlServer {
  const made = createControlServer({ key, cluster: 'chat', node: 'b1', log: memoryLog().log });
  t.teardown(async () => made.close());
  return made;
}

test('a taken port is told with the port and the cure', async (t) => {
  const { endpoint } = await serve(t);
  const error = await t.throwsAsync(server(t).listen(endpoint), { code: 'HEADGATE_CONTROL_PORT_TAKEN' });
  const { port } = endpoint;
  t.is(
    describeError(error),
    `control port 127.20.0.1:${port} is taken; stop what listens on port ${port}, or give this node another port with control: in the topology`,
  );
});

test('an address of another machine is told as such', async (t) => {
  await t.throwsAsync(server(t).listen({ host: '192.0.2.1', port: 7400 }), {
    code: 'HEADGATE_CONTROL_ADDRESS',
    message: '192.0.2.1 is not an address of this machine',
  });
});

test('a server whose listen failed can listen elsewhere', async (t) => {
  const { endpoint } = await serve(t);
  const second = server(t);
  await t.throwsAsync(second.listen(endpoint));
  await second.listen({ host: '127.20.0.1', port: 0 });
  t.is(second.endpoints().length, 1);
});

test('the unix socket has mode 0600 from its first moment, serves without a key, and is gone after close', async (t) => {
  const path = joinPath(await folder(t), 'b1.sock');
  const one = server(t);
  one.handle('who', (_body, peer) => ({
    node: peer.identity.node,
    cluster: peer.identity.cluster,
    local: peer.local,
    remote: peer.remote,
  }));
  const listening = one.listenLocal(path);
  // No turn of the event loop has passed: this is the first moment anybody could look.
  t.is((await stat(path)).mode & 0o777, 0o600);
  await listening;
  const connection = await connectLocal(path, 10_000);
  t.deepEqual(await connection.request('who', null, 10_000), {
    node: 'local',
    cluster: 'chat',
    local: true,
    remote: 'local',
  });
  connection.close();
  await one.close();
  await t.throwsAsync(access(path), { code: 'ENOENT' });
});

test('binding leaves the umask as it was', async (t) => {
  const before = process.umask();
  await server(t).listenLocal(joinPath(await folder(t), 's'));
  t.is(process.umask(), before);
  await t.throwsAsync(server(t).listenLocal('/nonexistent/s'), { code: 'HEADGATE_CONTROL_LISTEN' });
  t.is(process.umask(), before);
});

test('a socket file of a dead process is replaced', async (t) => {
  const path = joinPath(await folder(t), 'b1.sock');
  // Ends without closing, so the file stays behind.
  const code = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await t.throwsAsync(promisify(execFile)(process.execPath, ['-e', code]));
  t.true((await stat(path)).isSocket());
  await t.throwsAsync(connectLocal(path, 10_000), { code: 'HEADGATE_CONTROL_REFUSED' });
  await server(t).listenLocal(path);
  t.is((await stat(path)).mode & 0o777, 0o600);
  const connection = await connectLocal(path, 10_000);
  t.is(await connection.request('ping', null, 10_000), null);
  connection.close();
});

test('a socket of a living process, or a file that is no socket, is an error and stays', async (t) => {
  const base = await folder(t);
  const path = joinPath(base, 'b1.sock');
  await server(t).listenLocal(path);
  await t.throwsAsync(server(t).listenLocal(path), {
    code: 'HEADGATE_CONTROL_PORT_TAKEN',
    message: /another process listens/,
  });
  (await connectLocal(path, 10_000)).close();
  const file = joinPath(base, 'notes.txt');
  await writeFile(file, 'dear diary');
  await t.throwsAsync(server(t).listenLocal(file), {
    code: 'HEADGATE_CONTROL_LISTEN',
    message: /is not a socket/,
  });
  await t.notThrowsAsync(access(file));
});

test('a path too long for a unix socket is an error, not another path', async (t) => {
  await t.throwsAsync(listenUnix(net.createServer(), `/tmp/${'x'.repeat(110)}`), {
    code: 'HEADGATE_CONTROL_LISTEN',
    message: /longer than 107 bytes/,
  });
});

test('a missing socket is REFUSED with the cure', async (t) => {
  const error = await t.throwsAsync(connectLocal(joinPath(await folder(t), 'no.sock'), 10_000), {
    code: 'HEADGATE_CONTROL_REFUSED',
  });
  t.regex(describeError(error), /no\.sock refused the connection \(ENOENT\); start the node/);
});

test('garbage on the unix socket closes only that connection and is counted', async (t) => {
  const path = joinPath(await folder(t), 'b1.sock');
  const one = server(t);
  await one.listenLocal(path);
  const good = await connectLocal(path, 10_000);
  for (const bytes of ['hello\n'.repeat(4), '\0\0\0\0\0\0\0\0\0\0']) {
    const socket = net.connect(path);
    socket.on('error', () => socket.destroy());
    socket.resume();
    socket.write(bytes);
    await until(() => socket.closed, 'the end');
  }
  t.is(one.stats().refusedProtocol, 2);
  t.is(await good.request('ping', null, 10_000), null);
  good.close();
});
