import { once } from 'node:events';
import { closeSync } from 'node:fs';
import net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import {
  acceptQueue,
  boundSocket,
  isSyscallError,
  linuxAvailable,
  listeningSocket,
  sendNow,
  setUserTimeout,
  somaxconn,
  takeSocketError,
} from '../../../lib/linux/index.ts';
import { until } from '../../until.ts';

const linux = linuxAvailable();
/** Runs where system calls can be made, and says why where not. */
const kernelTest = linux.available ? test : test.skip;
if (!linux.available) test(`no system calls here: ${linux.reason}`, (t) => t.pass());

const host = '127.30.1.1';

function open(t: ExecutionContext, options: Parameters<typeof listeningSocket>[0]): number {
  const fd = listeningSocket(options);
  t.teardown(() => closeSync(fd));
  return fd;
}

/** The endpoint of a listening descriptor, by letting Node take it over. */
async function serve(t: ExecutionContext, fd: number, backlog: number): Promise<net.AddressInfo> {
  const server = net.createServer((socket) => socket.end('hello'));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen({ fd }, backlog, resolve);
  });
  t.teardown(() => server.close());
  return server.address() as net.AddressInfo;
}

for (const address of [host, '::1']) {
  kernelTest(
    `a socket bound to ${address} serves once it is given to a server, with its backlog`,
    async (t) => {
      const fd = listeningSocket({ endpoint: { host: address, port: 0 }, reusePort: false });
      const { port, address: bound } = await serve(t, fd, 123);
      t.is(bound, address);
      t.deepEqual(acceptQueue(fd), { queued: 0, backlog: Math.min(123, somaxconn() ?? 123) });
      const text = await new Promise<string>((resolve) => {
        net.connect({ host: address, port }).on('data', (chunk: Buffer) => resolve(chunk.toString()));
      });
      t.is(text, 'hello');
    },
  );
}

kernelTest('two sockets share a port with reusePort, and only then', async (t) => {
  const fd = listeningSocket({ endpoint: { host, port: 0 }, reusePort: true });
  const endpoint = { host, port: (await serve(t, fd, 5)).port };
  t.notThrows(() => open(t, { endpoint, reusePort: true, backlog: 5 }));
  const error = t.throws(() => open(t, { endpoint, reusePort: false, backlog: 5 }));
  t.true(isSyscallError(error, 'EADDRINUSE'));
  t.regex(error?.message ?? '', /^bind 127\.30\.1\.1:\d+: address already in use \(EADDRINUSE\)$/);
});

kernelTest('an address of another machine is told as a failed bind', (t) => {
  const error = t.throws(() => open(t, { endpoint: { host: '192.0.2.1', port: 0 }, reusePort: false }));
  t.true(isSyscallError(error));
  t.like(error, { facts: { call: 'bind', errno: 99, code: 'EADDRNOTAVAIL' } });
});

kernelTest('connections that nobody accepts are seen in the accept queue', async (t) => {
  const port = await freePort();
  const fd = open(t, { endpoint: { host, port }, reusePort: false, backlog: 8 });
  for (let count = 1; count <= 3; count++) {
    const socket = net.connect({ host, port }).on('error', () => undefined);
    t.teardown(() => socket.destroy());
    await new Promise((resolve) => socket.once('connect', resolve));
    t.is(acceptQueue(fd).queued, count);
  }
});

kernelTest('the user timeout can be set on a socket, and not on what is none', (t) => {
  const fd = open(t, { endpoint: { host, port: 0 }, reusePort: false });
  t.notThrows(() => setUserTimeout(fd, 300_000));
  t.is(takeSocketError(fd), undefined);
  const error = t.throws(() => setUserTimeout(-1, 300_000));
  t.true(isSyscallError(error, 'EBADF'));
});

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen({ host, port: 0 }, resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

kernelTest('what a stream does not take now is not waited for, and one that is gone is told', async (t) => {
  const server = net.createServer({ pauseOnConnect: true }).listen(0, host);
  await once(server, 'listening');
  t.teardown(() => server.close());
  const accepted = once(server, 'connection');
  const { port } = server.address() as net.AddressInfo;
  const fd = boundSocket(host);
  const client = new net.Socket({ fd }).connect(port, host);
  t.teardown(() => client.destroy());
  const [peer] = (await accepted) as [net.Socket];
  const bytes = Buffer.alloc(65_536);
  let sent = 0;
  const full = t.throws(() => {
    for (;;) sent += sendNow(fd, bytes);
  });
  t.true(isSyscallError(full, 'EAGAIN'));
  t.true(sent > 0);
  peer.resetAndDestroy();
  const gone = await until(
    () => {
      try {
        return void sendNow(fd, bytes);
      } catch (error) {
        return !isSyscallError(error, 'EAGAIN') && error;
      }
    },
    { describe: 'the other end to be gone' },
  );
  t.true(isSyscallError(gone, 'ECONNRESET') || isSyscallError(gone, 'EPIPE'));
});
