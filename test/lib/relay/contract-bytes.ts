import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type { Endpoint } from '../../../lib/address/index.ts';
import type { Engine } from './engines.ts';
import { bytesWithKernelOrRead, kernelQueues } from './kernel-queues.ts';
import { gate, Lab, settings, to } from './lab.ts';
import type { Peer } from './peer.ts';
import { until } from '../../until.ts';

const chunks = fc.array(fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 150_000 })), {
  maxLength: 12,
});
const plans = fc.record({
  up: chunks,
  down: chunks,
  endsFirst: fc.constantFrom<'client' | 'server' | 'both'>('client', 'server', 'both'),
  bufferBytes: fc.constantFrom(65_536, 100_000, 262_144),
});

export const anyChunks = test.macro<[Engine]>({
  title: (_, { name }) =>
    `${name}: bytes arrive complete and in order, however they are cut and whoever ends first`,
  async exec(t, engine) {
    const lab = await Lab.start(t, engine);
    await fc.assert(
      fc.asyncProperty(plans, async ({ up, down, endsFirst, bufferBytes }) => {
        const { acceptProxy } = lab.listener.spec;
        lab.listener.update({ acceptProxy, settings: { ...settings, bufferBytes } });
        const index = lab.router.records.length;
        const [client, server] = await lab.pair();
        const sentUp = sendChunks(client, up);
        const sentDown = sendChunks(server, down);
        if (endsFirst !== 'server') client.end();
        if (endsFirst !== 'client') server.end();
        if (endsFirst !== 'server') await server.hearsFin();
        if (endsFirst !== 'client') await client.hearsFin();
        if (endsFirst === 'client') server.end();
        if (endsFirst === 'server') client.end();
        await Promise.all([client.hearsFin(), server.hearsFin()]);
        assert.ok(server.received.equals(sentUp), 'what the client sent arrived');
        assert.ok(client.received.equals(sentDown), 'what the server sent arrived');
        assert.equal(client.failure + server.failure, '');
        const { reason, bytesUp, bytesDown } = await lab.router.record(index);
        assert.deepEqual([reason, bytesUp, bytesDown], ['finished', sentUp.length, sentDown.length]);
      }),
      { numRuns: 40, endOnFailure: true },
    );
    const { bytesUp, bytesDown } = lab.relay.stats();
    t.true(bytesUp + bytesDown > 4 * 1024 * 1024, 'several MiB were carried');
    await lab.audit(t);
  },
});

export const clientEndsFirst = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: a client that sent FIN still receives, for as long as the server sends`,
  async exec(t, engine) {
    const lab = await Lab.start(t, engine);
    const [client, server] = await lab.pair();
    client.send('question');
    client.end();
    await server.hearsFin();
    t.is(server.text, 'question');
    for (const words of ['one ', 'two ', 'three']) {
      const before = client.text;
      server.send(words);
      await client.hears(before + words);
    }
    t.false(client.ended);
    server.end();
    await client.hearsFin();
    t.like(await lab.router.record(), { reason: 'finished', bytesUp: 8, bytesDown: 13, retries: 0 });
    await lab.audit(t);
  },
});

export const serverEndsFirst = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: a server that sent FIN still receives, for as long as the client sends`,
  async exec(t, engine) {
    const lab = await Lab.start(t, engine);
    const [client, server] = await lab.pair();
    server.send('hello');
    server.end();
    await client.hearsFin();
    for (const words of ['one ', 'two ', 'three']) {
      const before = server.text;
      client.send(words);
      await server.hears(before + words);
    }
    t.false(server.ended);
    client.end();
    await server.hearsFin();
    t.like(await lab.router.record(), { reason: 'finished', bytesUp: 13, bytesDown: 5 });
    await lab.audit(t);
  },
});

export const early = test.macro<[Engine]>({
  title: (_, { name }) =>
    `${name}: what a client sends and its FIN before it has a destination follow the preface`,
  async exec(t, engine) {
    const answer = gate();
    const lab: Lab = await Lab.start(t, engine, {
      route: async () => {
        await answer.opened;
        return to('server', lab.server.endpoint, Buffer.from('preface '));
      },
    });
    const client = await lab.client();
    client.send('early');
    client.end();
    await until(() => lab.router.routed.length === 1, 'the router is asked');
    answer.open();
    const server = await lab.server.peer();
    await server.hearsFin();
    t.is(server.text, 'preface early');
    server.send('late');
    server.end();
    await client.hearsFin();
    t.is(client.text, 'late');
    t.like(await lab.router.record(), { reason: 'finished', bytesUp: 5, bytesDown: 4 });
    await lab.audit(t);
  },
});

export const earlyMuch = test.macro<[Engine]>({
  title: (_, { name }) =>
    `${name}: a client that sends much before it has a destination loses nothing and is held back`,
  async exec(t, engine) {
    const answer = gate();
    const lab: Lab = await Lab.start(t, engine, {
      route: async () => {
        await answer.opened;
        return to('server', lab.server.endpoint);
      },
    });
    const client = await lab.client();
    const sent = sendChunks(client, [24_000_000]);
    await settles(() => waitingInKernel(client, lab.endpoint));
    t.true(client.socket.writableLength > 0, 'the client is held back');
    answer.open();
    client.end();
    const server = await lab.server.peer();
    await server.hearsFin();
    t.true(server.received.equals(sent));
    await lab.audit(t);
  },
});

/** `side` never reads; the other one sends until nobody takes more. */
export const slowReader = test.macro<[Engine, 'client' | 'server']>({
  title: (_, { name }, side) =>
    `${name}: a ${side} that does not read costs at most bufferBytes, then gets everything when it reads`,
  async exec(t, engine, side) {
    const bufferBytes = 200_000;
    const lab = await Lab.start(t, engine, { settings: { bufferBytes }, serverReads: side !== 'server' });
    const [client, server] = await lab.pair({ reads: side !== 'client' });
    const [reader, sender] = side === 'client' ? [client, server] : [server, client];
    const taken = (): number => (side === 'client' ? lab.relay.stats().bytesDown : lab.relay.stats().bytesUp);

    const sent = sendChunks(sender, [24_000_000]);
    await settles(taken);
    t.true(sender.socket.writableLength > 0, 'the sender is held back');
    const held = taken() - bytesWithKernelOrRead(reader);
    t.true(held > 0 && held <= bufferBytes, `the relay holds ${held} bytes`);

    sender.end();
    reader.read();
    await reader.hearsFin();
    t.true(reader.received.equals(sent));
    reader.end();
    t.is((await lab.router.record()).reason, 'finished');
    await lab.audit(t);
  },
});

export const ipv6 = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: serves IPv6 clients and destinations, and IPv6 only on an IPv6 address`,
  async exec(t, engine) {
    const lab = await Lab.start(t, engine, {
      spec: { endpoint: { host: '::1', port: 0 } },
      serverHost: '::1',
    });
    const [client, server] = await lab.pair();
    client.send('six');
    await server.hears('six');
    server.end();
    client.end();
    const record = await lab.router.record();
    t.deepEqual(record.client.source, { host: '::1', port: client.socket.localPort ?? 0 });
    t.deepEqual(record.client.destination, lab.endpoint);
    await lab.audit(t);
  },
});

let seed = 1;

/** Writes pieces of these sizes and returns all of it; different bytes every time, so that a swap shows. */
function sendChunks(peer: Peer, sizes: readonly number[]): Buffer {
  const pieces = sizes.map((size) => {
    const piece = Buffer.alloc(size);
    const words = new Uint32Array(piece.buffer, piece.byteOffset, size >>> 2);
    for (let at = 0; at < words.length; at++) words[at] = Math.imul(seed++, 0x9e37_79b1);
    peer.send(piece);
    return piece;
  });
  return Buffer.concat(pieces);
}

/** What `peer` sent to `there` and nobody has read yet. */
function waitingInKernel(peer: Peer, there: Endpoint): number {
  const here = { host: peer.socket.localAddress!, port: peer.socket.localPort! };
  return kernelQueues(here, there).unsent + kernelQueues(there, here).unread;
}

/** Waits until `figure` is above zero and was the same at twenty looks, so that nothing moves any more. */
async function settles(figure: () => number): Promise<void> {
  let last = -1;
  let same = 0;
  await until(() => {
    const now = figure();
    same = now > 0 && now === last ? same + 1 : 0;
    last = now;
    return same >= 20;
  }, 'the flow stalls');
}
