/**
 * What strangers, and peers gone mad, can send to a control port: random bytes, broken and replayed handshakes, wrong
 * secrets, random frames of somebody who holds the secret, connections that say nothing. All the while somebody
 * who means well beats and asks.
 */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import type { Endpoint } from '../../lib/address/index.ts';
import { describeError } from '../../lib/errors/index.ts';
import { systemClock } from '../../lib/clock/index.ts';
import {
  connectControl,
  controlLimits,
  ControlKey,
  createControlServer,
  type Json,
} from '../../lib/control/index.ts';
import { encodeFrame, frameKinds, frameLayout } from '../../lib/control/frame.ts';
import { keyStatement } from '../../lib/control/greeting.ts';
import { helloBody } from '../../lib/control/hello.ts';
import { tlsSettings } from '../../lib/control/tls-settings.ts';
import { AdminLimit, limitAdmin } from '../../node/admin-limit.ts';
import { rolloutMethods } from '../../node/rollout/messages.ts';
import { RolloutAgent } from '../../node/rollout/agent.ts';
import { holdingStore } from '../../node/rollout/store.ts';
import { openKeys } from '../../node/rotation/keeper.ts';
import { rotationMethods } from '../../node/rotation/messages.ts';
import { startTopology } from '../../node/start-topology.ts';
import { fileSource, newSecretText } from '../../topology/index.ts';
import { until } from '../until.ts';
import { SeededRandom } from '../../soak/seeded-random.ts';

export interface ControlFuzz {
  readonly count: number;
  /** Beats of the one who means well, all answered. */
  readonly beats: number;
  /** Most connections the server had open at once. */
  readonly mostOpen: number;
  readonly refusedKey: number;
  readonly refusedProtocol: number;
  readonly refusedRequests: number;
}

const cluster = 'fuzz';
const parallel = 16;
const adminMethods = new Set([...rolloutMethods, ...rotationMethods]);

/** Everything a node answers on its control port, without a tier. */
async function startTarget(folder: string, host: string) {
  const secret = newSecretText();
  const keyFile = path.join(folder, 'cluster.key');
  const file = path.join(folder, 'topology.yaml');
  await writeFile(keyFile, secret, { mode: 0o600 });
  await writeFile(
    file,
    `version: 1
cluster: ${cluster}
secret: { file: ./cluster.key }
services: { chat: { listen: "${host}:9000", forwarding: proxy } }
directors: { d1: { host: ${host} } }
balancers: { b1: { host: 127.50.1.1 } }
chatservers: { c1: { address: "127.50.2.1:7000" } }
`,
  );
  const log = pino({ level: 'silent' });
  const source = fileSource(file);
  const begun = await startTopology(source, 'director', 'd1', path.join(folder, 'state'));
  const keys = await openKeys({ source: begun.topology.secret, env: {}, clock: systemClock, log });
  const server = createControlServer({ key: keys.ring, cluster, node: 'd1', log });
  const limit = new AdminLimit(systemClock);
  const control = limitAdmin(server, adminMethods, limit);
  const agent = new RolloutAgent({
    source,
    node: 'd1',
    key: keys.ring,
    env: {},
    control,
    log,
    clock: systemClock,
    random: Math.random,
    holding: begun.holding,
    topology: begun.topology,
    store: holdingStore(path.join(folder, 'state'), file, 'director', 'd1'),
    self: () => ({ host, port: 7400 }),
    apply: async () => Promise.resolve(),
    check: async () => Promise.resolve(),
  });
  keys.start(control);
  await server.listen({ host, port: 0 });
  return {
    endpoint: server.endpoints()[0]!,
    key: ControlKey.fromSecret(Buffer.from(secret.trim(), 'hex')),
    hash: begun.topology.hash,
    stats: () => server.stats(),
    refusedRequests: () => limit.refused,
    held: () => ({
      hash: agent.status().hash,
      generation: agent.status().generation,
      key: keys.status().presented,
    }),
    async close() {
      await agent.close();
      await keys.close();
      await server.close();
    },
  };
}

type Target = Awaited<ReturnType<typeof startTarget>>;

/** Throws, with the seed, when the server does not answer any more, holds too much, or changed what it holds. */
export async function fuzzControl(count: number, seed: number): Promise<ControlFuzz> {
  return withTarget(async (target) => {
    const random = new SeededRandom(seed);
    const recording = await recorded(target);
    let next = 0;
    let mostOpen = 0;
    const attacker = async (): Promise<void> => {
      while (next < count) {
        next++;
        await attack(random, target, recording);
        mostOpen = Math.max(mostOpen, target.stats().open);
      }
    };
    await Promise.all(Array.from({ length: parallel }, attacker));
    return { count, mostOpen };
  }, `seed ${seed}`);
}

/**
 * Opens `count` connections that say nothing, `slice` at a time, and holds them as long as the server lets them. Throws
 * when it keeps more than its limit.
 */
export async function fuzzSilence(count: number, slice = 500): Promise<ControlFuzz> {
  return withTarget(async (target) => {
    let mostOpen = 0;
    const most = controlLimits.unauthenticated + 8;
    for (let done = 0; done < count; done += slice) {
      const sockets = await Promise.all(
        Array.from({ length: Math.min(slice, count - done) }, async () => open(target.endpoint)),
      );
      for (const socket of sockets) socket.resume();
      await until(() => target.stats().accepted >= done + sockets.length, 'the connections to be accepted');
      const { open: held } = target.stats();
      mostOpen = Math.max(mostOpen, held);
      for (const socket of sockets) socket.destroy();
    }
    await until(() => target.stats().open <= 8, 'the silent connections to be gone');
    if (mostOpen > most) throw new Error(`${mostOpen} connections were open at once, at most ${most} may be`);
    return { count, mostOpen };
  }, 'silence');
}

async function withTarget(
  run: (target: Target) => Promise<Pick<ControlFuzz, 'count' | 'mostOpen'>>,
  what: string,
): Promise<ControlFuzz> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headgate-fuzz-'));
  const target = await startTarget(folder, '127.50.9.1');
  let isOver = false;
  let beats = 0;
  const before = target.held();
  const good = await connectControl({
    endpoint: target.endpoint,
    key: target.key,
    cluster,
    node: 'good',
    timeoutMs: 10_000,
  });
  const beating = (async () => {
    while (!isOver) {
      await good.request('ping', null, 10_000);
      beats++;
      await sleep(5);
    }
  })();
  // Whoever comes anew finds a way in, too.
  const coming = (async () => {
    while (!isOver) {
      const visitor = await connectControl({
        endpoint: target.endpoint,
        key: target.key,
        cluster,
        node: 'visitor',
        timeoutMs: 10_000,
      });
      await visitor.request('ping', null, 10_000);
      visitor.close();
      await sleep(50);
    }
  })();
  try {
    const outcome = await Promise.race([run(target), beating.then(neverEnds), coming.then(neverEnds)]);
    isOver = true;
    await Promise.all([beating, coming]);
    const after = target.held();
    if (JSON.stringify(after) !== JSON.stringify(before))
      throw new Error(`it held ${JSON.stringify(before)} and now ${JSON.stringify(after)}`);
    good.close();
    await until(() => target.stats().open === 0, 'every connection to be gone');
    const { refusedKey, refusedProtocol } = target.stats();
    return { ...outcome, beats, refusedKey, refusedProtocol, refusedRequests: target.refusedRequests() };
  } catch (cause) {
    throw new Error(`the control port under ${what}: ${describeError(cause)}`, { cause });
  } finally {
    isOver = true;
    await Promise.allSettled([beating, coming]);
    good.close();
    await target.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function neverEnds(): never {
  throw new Error('it ended early');
}

/** Reads the greeting's line away, so that TLS can begin. */
async function greeted(socket: net.Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.once('data', () => resolve()).once('close', resolve);
    if (socket.destroyed) resolve();
  });
  socket.pause();
}

async function open({ host, port }: Endpoint): Promise<net.Socket> {
  const socket = net.connect({ host, port });
  socket.on('error', () => socket.destroy());
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve).once('close', resolve);
  });
  return socket;
}

/** Bytes that a good client sends, from its first to its last. */
async function recorded({ endpoint, key }: Target): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const relay = net.createServer((socket) => {
    const far = net.connect(endpoint);
    far.on('error', () => socket.destroy());
    socket.on('error', () => far.destroy());
    socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
    socket.pipe(far).pipe(socket);
  });
  relay.listen(0, endpoint.host);
  await once(relay, 'listening');
  const { port } = relay.address() as net.AddressInfo;
  const through = await connectControl({
    endpoint: { host: endpoint.host, port },
    key,
    cluster,
    node: 'victim',
    timeoutMs: 10_000,
  });
  await through.request('ping', null, 10_000);
  through.close();
  relay.close();
  return Buffer.concat(chunks);
}

async function attack(random: SeededRandom, target: Target, recording: Buffer): Promise<void> {
  switch (random.below(6)) {
    case 0:
      return strange(target, [random.bytes(random.below(2_000))], random);
    case 1: {
      // A session that was overheard: whole, cut off, or with a byte changed.
      const copy = Buffer.from(
        recording.subarray(0, random.pick([recording.length, random.below(recording.length)])),
      );
      if (copy.length > 0 && random.below(2) === 0) copy[random.below(copy.length)]! ^= 1 << random.below(8);
      return strange(target, [copy], random);
    }
    case 2:
      return handshake(target, ControlKey.fromSecret(random.bytes(32)), random.below(2) === 0, [], random);
    case 3:
      return handshake(target, target.key, true, [random.bytes(random.below(2_000))], random);
    default: {
      const hello = encodeFrame(
        { kind: 'hello', id: 1, method: '', body: helloBody({ cluster, node: 'mad' }) },
        controlLimits.frameBytes,
      );
      const frames = Array.from({ length: 1 + random.below(6) }, () => someFrame(random));
      return handshake(target, target.key, true, random.below(8) === 0 ? frames : [hello, ...frames], random);
    }
  }
}

/** Sends without TLS, then goes away in one way or another. */
async function strange({ endpoint }: Target, parts: readonly Buffer[], random: SeededRandom): Promise<void> {
  const socket = await open(endpoint);
  socket.resume();
  for (const part of parts) if (!socket.destroyed) socket.write(part);
  await leave(socket, random);
}

/** `isHonest` false: names our key id with another secret. */
async function handshake(
  { endpoint, key: own }: Target,
  key: ControlKey,
  isHonest: boolean,
  parts: readonly Buffer[],
  random: SeededRandom,
): Promise<void> {
  const socket = await open(endpoint);
  await greeted(socket);
  const identity = keyStatement(isHonest ? key.id : own.id);
  const stream = tls.connect({
    ...tlsSettings,
    socket,
    pskCallback: () => ({ identity, psk: key.psk }),
    checkServerIdentity: () => new Error('no'),
  });
  stream.on('error', () => stream.destroy());
  stream.resume();
  await new Promise<void>((resolve) => {
    stream.once('secureConnect', resolve).once('close', resolve);
    if (stream.destroyed) resolve();
  });
  for (const part of parts) if (!stream.destroyed) stream.write(part);
  await leave(stream, random);
  socket.destroy();
}

/** At once, half, or after a while. */
async function leave(socket: net.Socket, random: SeededRandom): Promise<void> {
  const how = random.below(3);
  if (how === 1) socket.end();
  if (how > 0) await sleep(random.below(30));
  socket.destroy();
}

function someFrame(random: SeededRandom): Buffer {
  const method = random.pick([
    ...adminMethods,
    'status',
    'heartbeat',
    'ping',
    'x'.repeat(random.below(70) + 1),
  ]);
  const kind = random.pick(Object.keys(frameKinds) as (keyof typeof frameKinds)[]);
  const named = kind === 'request' || kind === 'notify' || random.below(10) === 0;
  const bytes = encodeFrame(
    { kind, id: random.below(3), method: named ? method.slice(0, 64) : '', body: someJson(random, 3) },
    controlLimits.frameBytes,
  );
  if (random.below(3) === 0) bytes[random.below(bytes.length)] = random.below(256);
  // A length that lies.
  if (random.below(10) === 0) bytes.writeUInt32BE(random.below(0xffff_ffff), 0);
  return random.below(6) === 0
    ? bytes.subarray(0, random.below(bytes.length))
    : bytes.subarray(0, bytes.length + frameLayout.lengthBytes);
}

/** Fields are those that requests have, so that what is behind the first check is reached. */
const fields = [
  'stamp',
  'base',
  'text',
  'by',
  'id',
  'hash',
  'generation',
  'step',
  'secret',
  'node',
  '__proto__',
];
const texts = [
  '',
  'accept',
  'present',
  'drop',
  'version: 1',
  '[[[[[',
  '00000000',
  'a'.repeat(64),
  '\u0000',
  '\u202E',
];

function someJson(random: SeededRandom, depth: number): Json {
  switch (random.below(depth === 0 ? 5 : 8)) {
    case 0:
      return null;
    case 1:
      return random.pick([0, -1, 1, 1.5, 2 ** 53, 1e308]);
    case 2:
      return random.below(2) === 0;
    case 3:
    case 4:
      return random.pick(texts);
    case 5:
      return Array.from({ length: random.below(4) }, () => someJson(random, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(5) }, () => [random.pick(fields), someJson(random, depth - 1)]),
      );
  }
}
