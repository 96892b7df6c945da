import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import tls from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { describeError } from '../../../lib/errors/index.ts';
import { connectControl } from '../../../lib/control/index.ts';
import { greetingLine } from '../../../lib/control/greeting.ts';
import { tlsSettings } from '../../../lib/control/tls-settings.ts';
import { bareServer, deadEndpoint, descriptors, join, key, otherKey, serve } from './helpers.ts';
import { until } from '../../until.ts';
import { ManualClock } from '../../manual-clock.ts';

test('a connection uses TLS 1.3 with a pre-shared key and ECDHE, and no certificate', async (t) => {
  const endpoint = await bareServer(t, (socket) => {
    socket.write(greetingLine(key.id));
    const server = tls.createServer({ ...tlsSettings, pskCallback: () => key.psk });
    server.on('secureConnection', (stream) => stream.on('error', () => stream.destroy()));
    server.emit('connection', socket);
  });
  const { clientHandshake } = await import('../../../lib/control/client-handshake.ts');
  const { connectTcp } = await import('../../../lib/control/connect-tcp.ts');
  const socket = await connectTcp(endpoint, { timeoutMs: 10_000 });
  const stream = await clientHandshake({ socket, keys: key, name: 'here', greetingBytes: 64 });
  t.teardown(() => stream.destroy());
  t.is(stream.getProtocol(), 'TLSv1.3');
  t.is(stream.getCipher().name, 'TLS_AES_128_GCM_SHA256');
  t.like(stream.getEphemeralKeyInfo(), { type: 'ECDH', name: 'X25519' });
  t.deepEqual(stream.getPeerCertificate() as object, {});
});

test('nothing listening is REFUSED and leaves nothing open', async (t) => {
  const error = await t.throwsAsync(join(t, await deadEndpoint()), { code: 'HEADGATE_CONTROL_REFUSED' });
  t.regex(describeError(error), /^127\.20\.0\.3:\d+ refused the connection \(ECONNREFUSED\); start the node/);
});

test('an address nothing can reach is UNREACHABLE', async (t) => {
  // Class E (RFC 1112 4) has no route and never leaves the machine.
  await t.throwsAsync(join(t, { host: '255.255.255.255', port: 7400 }), {
    code: 'HEADGATE_CONTROL_UNREACHABLE',
  });
});

test('a connect that is never answered is UNREACHABLE when the time is up', async (t) => {
  // The time is up before the event loop can have seen the answer of the kernel.
  const clock = new ManualClock();
  const attempt = join(t, await bareServer(t, () => undefined), { clock, timeoutMs: 700 });
  clock.advance(700);
  await t.throwsAsync(attempt, { code: 'HEADGATE_CONTROL_UNREACHABLE', message: /within 700 ms/ });
});

test('a server that accepts and says nothing is a TIMEOUT', async (t) => {
  const clock = new ManualClock();
  let accepted = false;
  const endpoint = await bareServer(t, () => (accepted = true));
  const attempt = t.throwsAsync(join(t, endpoint, { clock, timeoutMs: 700 }), {
    code: 'HEADGATE_CONTROL_TIMEOUT',
    message: /within 700 ms/,
  });
  await until(() => accepted && clock.pending > 0, 'the connection');
  await new Promise((resolve) => setTimeout(resolve, 20));
  clock.advance(700);
  await attempt;
});

const strangers: readonly (readonly [title: string, bytes: string, code: string])[] = [
  ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'HEADGATE_CONTROL_PROTOCOL'],
  ['another version', 'headgate/2 key=01234567\n', 'HEADGATE_CONTROL_PROTOCOL'],
  ['an endless line', 'x'.repeat(65), 'HEADGATE_CONTROL_PROTOCOL'],
  ['a greeting with something after it', `${greetingLine(key.id)}x`, 'HEADGATE_CONTROL_PROTOCOL'],
];

for (const [title, bytes, code] of strangers) {
  test(`${title} instead of our greeting is told as such`, async (t) => {
    const endpoint = await bareServer(t, (socket) => socket.write(bytes));
    await t.throwsAsync(join(t, endpoint), { code });
  });
}

test('a greeting in single bytes is understood', async (t) => {
  const endpoint = await bareServer(t, (socket) => {
    const line = greetingLine(otherKey.id);
    let at = 0;
    const next = (): void => {
      if (at < line.length) socket.write(line[at++]!, () => setImmediate(next));
      else socket.end();
    };
    next();
  });
  await t.throwsAsync(join(t, endpoint), { code: 'HEADGATE_CONTROL_KEY_MISMATCH' });
});

test('a server that closes or resets at any point of the greeting is CLOSED', async (t) => {
  const line = greetingLine(key.id);
  for (let length = 0; length <= line.length; length += 4) {
    for (const end of ['end', 'resetAndDestroy'] as const) {
      const endpoint = await bareServer(t, (socket) =>
        socket.write(line.slice(0, length), () => socket[end]()),
      );
      await t.throwsAsync(
        join(t, endpoint),
        { code: 'HEADGATE_CONTROL_CLOSED' },
        `${end} after ${length} bytes`,
      );
    }
  }
});

test('garbage after the greeting is told as a failed proof of the key', async (t) => {
  const endpoint = await bareServer(t, (socket) => {
    socket.write(greetingLine(key.id));
    socket.once('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  await t.throwsAsync(join(t, endpoint), {
    code: 'HEADGATE_CONTROL_PROTOCOL',
    message: /did not prove our key/,
  });
});

test('a different key names both ids and the cure, on both sides', async (t) => {
  const { server, endpoint, lines } = await serve(t);
  const error = await t.throwsAsync(join(t, endpoint, { key: otherKey }), {
    code: 'HEADGATE_CONTROL_KEY_MISMATCH',
  });
  t.regex(
    describeError(error),
    new RegExp(`^our key id is ${otherKey.id}, the one of \\S+ is ${key.id}; copy the same key file`),
  );
  await until(() => lines.length > 0, 'the log line');
  t.true(
    lines[0]!.msg.includes(`our key id is ${key.id}, its key id is ${otherKey.id}; copy the same key file`),
  );
  t.is(server.stats().refusedKey, 1);
  await t.throwsAsync(join(t, endpoint, { key: otherKey }), { code: 'HEADGATE_CONTROL_KEY_MISMATCH' });
  await until(() => server.stats().refusedKey === 2, 'the second refusal');
  t.is(lines.length, 1, 'one line per remote and ten seconds');
});

test('a server with our key id but another key is refused, and refuses us', async (t) => {
  // What somebody can do who knows the id only.
  const liar = Object.create(otherKey, { id: { value: key.id }, psk: { value: otherKey.psk } }) as typeof key;
  const { server, endpoint } = await serve(t, { key: liar });
  await t.throwsAsync(join(t, endpoint), {
    code: 'HEADGATE_CONTROL_PROTOCOL',
    message: /did not prove our key/,
  });
  await until(() => server.stats().refusedKey === 1, 'the count');
  t.pass();
});

async function certificate(t: ExecutionContext): Promise<{ key: Buffer; cert: Buffer }> {
  const folder = await mkdtemp(joinPath(tmpdir(), 'headgate-'));
  t.teardown(async () => rm(folder, { recursive: true }));
  const [keyFile, certFile] = [joinPath(folder, 'key.pem'), joinPath(folder, 'cert.pem')];
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=b1',
  ];
  execFileSync('openssl', [...args, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
  return { key: await readFile(keyFile), cert: await readFile(certFile) };
}

test('a server with a certificate instead of the key is refused', async (t) => {
  let pair;
  try {
    pair = await certificate(t);
  } catch (error) {
    t.log(`skipped, needs the openssl command: ${describeError(error)}`);
    t.pass();
    return;
  }
  const endpoint = await bareServer(t, (socket) => {
    socket.write(greetingLine(key.id));
    tls.createServer({ ...pair }).emit('connection', socket);
  });
  await t.throwsAsync(join(t, endpoint), {
    code: 'HEADGATE_CONTROL_PROTOCOL',
    message: /did not prove our key/,
  });
});

test('a different cluster with the same key is refused with both names', async (t) => {
  const { server, endpoint } = await serve(t);
  const error = await t.throwsAsync(join(t, endpoint, { cluster: 'games' }), {
    code: 'HEADGATE_CONTROL_CLUSTER_MISMATCH',
  });
  t.regex(
    describeError(error),
    /refused us: our cluster is chat, that of d1 is games; use the same topology/,
  );
  t.is(server.stats().refusedProtocol, 1);
});

test('another node than the expected one is told as such, with both names and the cure', async (t) => {
  const { server, endpoint } = await serve(t);
  const error = await t.throwsAsync(join(t, endpoint, { expectedNode: 'b2' }), {
    code: 'HEADGATE_CONTROL_NODE_MISMATCH',
  });
  t.regex(
    describeError(error),
    /^b1 answers at 127\.20\.0\.1:\d+ instead of b2; start b2; if b1 had this control port before, it keeps it/,
  );
  t.like(error, { facts: { node: 'b1', expected: 'b2' } });
  await until(() => server.stats().open === 0, 'the connection to end');
  const connection = await join(t, endpoint, { expectedNode: 'b1' });
  t.is(await connection.request('ping', null, 10_000), null);
});

test.serial('an attempt can be given up at any stage and leaves nothing open', async (t) => {
  const { endpoint } = await serve(t);
  const quiet = await bareServer(t, () => undefined);
  const before = descriptors();
  await t.throwsAsync(
    connectControl({
      endpoint,
      key,
      cluster: 'chat',
      node: 'd1',
      timeoutMs: 10_000,
      signal: AbortSignal.abort(),
    }),
    {
      code: 'HEADGATE_CONTROL_CLOSED',
    },
  );
  for (const target of [endpoint, quiet]) {
    for (let turns = 0; turns < 12; turns += 1) {
      const controller = new AbortController();
      const attempt = connectControl({
        endpoint: target,
        key,
        cluster: 'chat',
        node: 'd1',
        timeoutMs: 10_000,
        signal: controller.signal,
      });
      const outcome = attempt.then(
        (connection) => connection.close(),
        (error: unknown) => t.like(error, { code: 'HEADGATE_CONTROL_CLOSED' }),
      );
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      controller.abort();
      await outcome;
    }
  }
  await until(() => descriptors() === before, 'descriptors return to where they were');
});
