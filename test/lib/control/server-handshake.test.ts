/** What strangers can send to a control port. Serial: descriptors are counted. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { connectControl, type BoundControlServer } from '../../../lib/control/index.ts';
import { greetingLine } from '../../../lib/control/greeting.ts';
import { bareClient, bareServer, descriptors, join, key, noise, serve } from './helpers.ts';
import { until } from '../../until.ts';
import { ManualClock } from '../../manual-clock.ts';

/** Runs `work` and waits until as many descriptors are open as before. */
async function leavingNothing(server: BoundControlServer, work: () => Promise<void>): Promise<void> {
  const before = descriptors();
  await work();
  await until(
    () => server.stats().open === 0 && descriptors() === before,
    'descriptors return to where they were',
  );
}

async function stillServes(
  t: ExecutionContext,
  endpoint: net.AddressInfo | { host: string; port: number },
): Promise<void> {
  const host = 'host' in endpoint ? endpoint.host : endpoint.address;
  const connection = await join(t, { host, port: endpoint.port });
  t.is(await connection.request('ping', null, 10_000), null);
  connection.close();
}

test.serial('the server greets at once, in clear', async (t) => {
  const { endpoint } = await serve(t);
  const { received } = await bareClient(t, endpoint);
  await until(() => received().includes('\n'), 'the greeting');
  t.is(received().toString(), greetingLine(key.id));
});

test.serial('garbage closes the connection, is counted and logged once', async (t) => {
  const { server, endpoint, lines } = await serve(t);
  await leavingNothing(server, async () => {
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\0'.repeat(100), 'SSH-2.0-x\r\n']) {
      const { socket } = await bareClient(t, endpoint);
      socket.write(bytes);
      await until(() => socket.closed, 'the end');
    }
  });
  t.is(server.stats().refusedProtocol, 3);
  t.is(lines.length, 1);
  t.regex(lines[0]!.msg, /^control: closed 127\.\d+\.\d+\.\d+: the TLS handshake failed \(ERR_SSL/);
  await stillServes(t, endpoint);
});

test.serial(
  'a TLS client without a key is refused and counted, as there is no certificate to fall back to',
  async (t) => {
    const { server, endpoint } = await serve(t);
    await leavingNothing(server, async () => {
      const { socket, received } = await bareClient(t, endpoint);
      await until(() => received().includes('\n'), 'the greeting');
      socket.removeAllListeners('data').pause();
      const stream = tls.connect({ socket, rejectUnauthorized: false });
      const [error] = (await once(stream, 'error')) as [Error];
      t.regex(error.message, /handshake failure/);
      socket.destroy();
    });
    t.is(server.stats().refusedProtocol, 1);
  },
);

test.serial('thousands of random chunks from many connections break nothing', async (t) => {
  const { server, endpoint } = await serve(t);
  await leavingNothing(server, async () => {
    for (let round = 0; round < 60; round += 1) {
      const { socket } = await bareClient(t, endpoint);
      // Begins like a TLS record half the time, so that more than the first byte is looked at.
      if (round % 2 === 0) socket.write(Buffer.from('1603010200010001fc0303', 'hex'));
      for (let chunk = 0; chunk < 50 && !socket.destroyed; chunk += 1) {
        socket.write(noise(1 + (chunk % 37)));
        if (chunk % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      if (round % 3 === 0) socket.resetAndDestroy();
      else socket.end();
      await until(() => socket.closed, 'the end');
    }
  });
  await stillServes(t, endpoint);
});

/** Records what a real client sends and receives in a session with one request. */
async function recordSession(t: ExecutionContext, endpoint: { host: string; port: number }): Promise<Buffer> {
  const sent: Buffer[] = [];
  const relay = await bareServer(t, (client) => {
    const upstream = net.connect(endpoint);
    upstream.on('error', () => client.destroy());
    client.on('data', (chunk: Buffer) => {
      sent.push(chunk);
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => client.write(chunk));
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  const connection = await join(t, relay);
  await connection.request('count', null, 10_000);
  connection.close();
  await until(() => connection.notify('count', null) === false, 'closed');
  return Buffer.concat(sent);
}

test.serial('a recorded session replayed to the server is refused and executes nothing', async (t) => {
  const { server, endpoint } = await serve(t);
  let counted = 0;
  server.handle('count', () => (counted += 1));
  const bytes = await recordSession(t, endpoint);
  await until(() => server.stats().open === 0, 'the end of the session');
  t.is(counted, 1);
  const { refusedProtocol } = server.stats();
  await leavingNothing(server, async () => {
    const { socket } = await bareClient(t, endpoint);
    socket.write(bytes);
    await until(() => socket.closed, 'the refusal');
  });
  t.is(counted, 1);
  t.is(server.stats().refusedProtocol, refusedProtocol + 1);
});

test.serial(
  'a session cut off or reset after any number of bytes leaves nothing behind on either end',
  async (t) => {
    const { server, endpoint } = await serve(t);
    server.handle('count', () => null);
    const { length } = await recordSession(t, endpoint);
    await until(() => server.stats().open === 0, 'the end of the session');
    let cutAt = 0;
    const relay = await bareServer(t, (client) => {
      const upstream = net.connect(endpoint);
      let left = cutAt;
      upstream.on('error', () => client.destroy());
      upstream.on('data', (chunk: Buffer) => client.write(chunk));
      upstream.on('close', () => client.destroy());
      client.on('close', () => upstream.destroy());
      client.on('data', (chunk: Buffer) => {
        const passed = chunk.subarray(0, left);
        left -= passed.length;
        upstream.write(passed, () => {
          if (left > 0) return;
          if (cutAt % 2 === 0) upstream.resetAndDestroy();
          else upstream.end();
        });
      });
    });
    let cutShort = 0;
    await leavingNothing(server, async () => {
      for (; cutAt < length; cutAt += 1) {
        const attempt = connectControl({
          endpoint: relay,
          key,
          cluster: 'chat',
          node: 'd1',
          timeoutMs: 10_000,
        });
        const session = attempt.then(async (connection) => {
          await connection.request('count', null, 10_000).finally(() => connection.close());
        });
        await session.catch((error: unknown) => {
          cutShort += 1;
          t.like(error, { code: 'HEADGATE_CONTROL_CLOSED' });
        });
      }
    });
    // The last bytes are the farewell of TLS, which nobody waits for.
    t.true(cutShort > length - 64, `${cutShort} of ${length} sessions were cut short`);
    await stillServes(t, endpoint);
  },
);

test.serial('silent and half-open connections are closed when the time for a hello is up', async (t) => {
  const clock = new ManualClock();
  const { server, endpoint, lines } = await serve(t, { clock });
  await leavingNothing(server, async () => {
    const clients = await Promise.all([1, 2, 3].map(async () => bareClient(t, endpoint)));
    clients[1]!.socket.write(Buffer.from('160301', 'hex'));
    await until(() => server.stats().open === 3, 'three connections');
    clock.advance(2_999);
    t.is(server.stats().timedOut, 0);
    clock.advance(1);
    await until(() => clients.every(({ socket }) => socket.closed), 'all closed');
  });
  t.is(server.stats().timedOut, 3);
  t.is(lines.length, 1);
  t.is(clock.pending, 0);
});

test.serial('300 silent connections lock nobody out: beyond 256 the oldest are closed', async (t) => {
  const { server, endpoint } = await serve(t, { limits: { handshakeMs: 60_000 } });
  await leavingNothing(server, async () => {
    const sockets: net.Socket[] = [];
    for (let n = 0; n < 300; n += 1) sockets.push((await bareClient(t, endpoint)).socket);
    await until(() => sockets.filter((socket) => socket.closed).length === 44, '44 of 300 are closed');
    t.true(sockets.slice(0, 44).every((socket) => socket.closed));
    t.is(server.stats().refusedLimit, 44);
    await stillServes(t, endpoint);
    for (const socket of sockets) socket.destroy();
  });
});

test.serial('close ends connections that have not said hello', async (t) => {
  const { server, endpoint } = await serve(t);
  const clients = await Promise.all([1, 2].map(async () => bareClient(t, endpoint)));
  await until(() => server.stats().open === 2, 'both');
  await server.close();
  t.is(server.stats().open, 0);
  await until(() => clients.every(({ socket }) => socket.closed), 'both closed');
});

test.serial('random bytes in place of a ClientHello of any length are survived', async (t) => {
  const { server, endpoint } = await serve(t);
  await leavingNothing(server, async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, asRecord) => {
        const { socket } = await bareClient(t, endpoint);
        const head = Buffer.from('1603030000', 'hex');
        head.writeUInt16BE(bytes.length, 3);
        socket.end(asRecord ? Buffer.concat([head, bytes]) : bytes);
        await until(() => socket.closed, 'the end');
      }),
      { numRuns: 100 },
    );
  });
  await stillServes(t, endpoint);
});
