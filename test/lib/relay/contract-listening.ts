import test from 'ava';
import net from 'node:net';
import { encodeProxyHeader } from '../../../lib/proxy-protocol/index.ts';
import { isHeadgateError } from '../../../lib/errors/index.ts';
import { linuxAvailable } from '../../../lib/linux/index.ts';
import type { Engine } from './engines.ts';
import { Lab, settings } from './lab.ts';
import { until } from '../../until.ts';

export const limit = test.macro<[Engine]>({
  title: (_, { name }) =>
    `${name}: beyond the limit clients get RST, are counted, and are welcome again when there is room`,
  async exec(t, engine) {
    const lab = await Lab.start(t, engine, { relay: { limit: 3 } });
    const pairs = [await lab.pair(), await lab.pair(), await lab.pair()];
    const refused = [await lab.client(), await lab.client()];
    for (const client of refused) await client.hearsRst();
    t.like(lab.relay.stats(), { accepted: 3, refusedFull: 2, connections: 3 });
    pairs[1]![0].reset();
    await lab.router.record();
    const [client, server] = await lab.pair();
    client.send('room');
    await server.hears('room');
    pairs[0]![0].send('unharmed');
    await pairs[0]![1].hears('unharmed');
    t.like(lab.relay.stats(), { accepted: 4, refusedFull: 2, connections: 3 });
    await lab.audit(t);
  },
});

export const allowFrom = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: only peers of allowFrom get in, others get RST and are counted`,
  async exec(t, engine) {
    const lab = await Lab.start(t, engine, { spec: { allowFrom: new Set(['127.30.0.7']) } });
    const stranger = await lab.client({ from: '127.30.0.8' });
    await stranger.hearsRst();
    t.like(lab.relay.stats(), { accepted: 0, refusedPeer: 1 });
    const friend = await lab.client({ from: '127.30.0.7' });
    friend.send('hello');
    await (await lab.server.peer()).hears('hello');
    await lab.audit(t);
  },
});

export const forwarders = test.macro<[Engine]>({
  title: (_, { name }) =>
    `${name}: forwarders must send their header, others are taken as they are, and both are told apart`,
  async exec(t, engine) {
    const peers = new Set(['127.30.0.7']);
    const lab = await Lab.start(t, engine, { spec: { forwarders: { peers, acceptProxy: ['v2'] } } });
    const source = { host: '192.0.2.1', port: 1 };
    const header = encodeProxyHeader('v2', source, { host: '192.0.2.2', port: 2 });
    const forwarder = await lab.client({ from: '127.30.0.7' });
    forwarder.send(header);
    await until(() => lab.router.routed.length === 1, 'the header is read');
    const peerOf = (port = 0, host = '127.30.0.7'): { host: string; port: number } => ({ host, port });
    t.like(lab.router.routed[0], {
      source,
      peer: peerOf(forwarder.socket.localPort),
      forwarded: true,
    });
    const plain = await lab.client({ from: '127.30.0.8' });
    await until(() => lab.router.routed.length === 2, 'nothing is waited for');
    const own = peerOf(plain.socket.localPort, '127.30.0.8');
    t.like(lab.router.routed[1], { source: own, peer: own, forwarded: false });
    plain.send(header);
    await (await lab.server.peer(1)).hears(header.toString('latin1'));
    const silent = await lab.client({ from: '127.30.0.7' });
    silent.send('no header, though one is due');
    await silent.hearsRst();
    t.like(lab.relay.stats(), { refusedHeader: 1, refusedPeer: 0 });
    lab.listener.update({ acceptProxy: [], settings });
    const freed = await lab.client({ from: '127.30.0.7' });
    await until(() => lab.router.routed.length === 3, 'no forwarder any more');
    t.like(lab.router.routed[2], { source: peerOf(freed.socket.localPort), forwarded: false });
    await lab.audit(t);
  },
});

export const update = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: update() counts for connections accepted from then on`,
  async exec(t, engine) {
    const lab = await Lab.start(t, engine);
    const [before, server] = await lab.pair();
    lab.listener.update({ acceptProxy: ['v2'], settings });
    const after = await lab.client();
    after.send(encodeProxyHeader('v2', { host: '192.0.2.1', port: 1 }, { host: '192.0.2.2', port: 2 }));
    await until(() => lab.router.routed.length === 2, 'the header is read');
    t.deepEqual(lab.router.routed[1]?.source, { host: '192.0.2.1', port: 1 });
    before.send('plain');
    await server.hears('plain');
    await lab.audit(t);
  },
});

export const keepsVip = test.macro<[Engine]>({
  title: (_, { name }) =>
    `${name}: a client keeps the VIP that its listener had when it was accepted, to its end`,
  async exec(t, engine) {
    const lab = await Lab.start(t, engine, { spec: { vip: '192.0.2.9:1' } });
    const [before] = await lab.pair();
    lab.listener.update({ vip: '192.0.2.9:2', acceptProxy: [], settings });
    const [after] = await lab.pair();
    t.deepEqual(
      lab.router.routed.map(({ vip }) => vip),
      ['192.0.2.9:1', '192.0.2.9:2'],
    );
    before.reset();
    t.is((await lab.router.record(0)).client.vip, '192.0.2.9:1');
    after.reset();
    t.is((await lab.router.record(1)).client.vip, '192.0.2.9:2');
    await lab.audit(t);
  },
});

export const listenerClose = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: a closed listener takes nobody, and what is established lives on`,
  async exec(t, engine) {
    const lab = await Lab.start(t, engine);
    const [client, server] = await lab.pair();
    await Promise.all([lab.listener.close(), lab.listener.close()]);
    t.is((await lab.client()).failure, 'ECONNREFUSED');
    client.send('still here');
    await server.hears('still here');
    await lab.audit(t);
  },
});

export const queueDrains = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: clients that wait in the accept queue when a listener closes are served`,
  async exec(t, engine) {
    const lab = await Lab.start(t, engine);
    const count = 50;
    // Connections of another process would queue the same way; these are begun and not accepted in this turn.
    const clients = Array.from({ length: count }, () => net.connect({ ...lab.endpoint }));
    t.teardown(() => clients.forEach((client) => client.destroy()));
    const failures: string[] = [];
    for (const client of clients) client.on('error', (error) => failures.push(error.message));
    await new Promise<void>((resolve) => process.nextTick(() => process.nextTick(resolve)));
    await lab.listener.close();
    await until(() => clients.every((client) => !client.connecting), 'all are connected');
    await until(() => failures.length > 0 || lab.router.joins.length === count, 'all are joined');
    t.deepEqual(failures, []);
    await lab.audit(t);
  },
});

export const portTaken = test.macro<[Engine, boolean]>({
  title: (_, { name }, reusePort) =>
    `${name}: a taken port is told by name${reusePort ? ', with reusePort too' : ''}`,
  async exec(t, engine, reusePort) {
    const lab = await Lab.start(t, engine);
    const error = await t.throwsAsync(lab.relay.listen({ ...lab.listener.spec, reusePort }));
    t.true(isHeadgateError(error, 'HEADGATE_RELAY_PORT_TAKEN'), error?.message);
    t.regex(error?.message ?? '', /service chat: cannot listen on 127\.30\.0\.1:\d+/);
    const elsewhere = { ...lab.listener.spec, endpoint: { host: '192.0.2.77', port: 9000 }, reusePort };
    const absent = await t.throwsAsync(lab.relay.listen(elsewhere));
    t.true(isHeadgateError(absent, 'HEADGATE_RELAY_ADDRESS_NOT_LOCAL'), absent?.message);
    await lab.audit(t);
  },
});

export const shared = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: relays with reusePort share a port, and each accepts`,
  async exec(t, engine) {
    const linux = linuxAvailable();
    if (!linux.available) {
      t.log(`skipped: ${linux.reason}`);
      t.pass();
      return;
    }
    const one = await Lab.start(t, engine, { spec: { reusePort: true } });
    const other = await Lab.start(t, engine, { spec: { ...one.listener.spec } });
    for (let count = 0; count < 40; count++) await one.client();
    const accepted = (): [number, number] => [one.relay.stats().accepted, other.relay.stats().accepted];
    await until(() => accepted()[0] + accepted()[1] === 40, 'all are accepted');
    t.true(
      accepted().every((share) => share > 0),
      `shares ${accepted().join(' and ')}`,
    );
    await Promise.all([one.audit(t), other.audit(t)]);
  },
});
