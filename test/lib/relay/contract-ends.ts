import test from 'ava';
import type { Engine } from './engines.ts';
import { Lab } from './lab.ts';
import { linuxAvailable } from '../../../lib/linux/index.ts';
import { ManualClock } from '../../manual-clock.ts';
import { until } from '../../until.ts';
import { waitsForKeepalive } from './kernel-queues.ts';

/** Who resets, and whether the other end reads what is under way. */
export const rst = test.macro<[Engine, 'client' | 'server']>({
  title: (_, { name }, side) => `${name}: RST of the ${side} reaches the other end as RST`,
  async exec(t, engine, side) {
    const lab = await Lab.start(t, engine);
    const [client, server] = await lab.pair();
    const [one, other] = side === 'client' ? [client, server] : [server, client];
    one.send('last words');
    await other.hears('last words');
    one.reset();
    await other.hearsRst();
    t.is((await lab.router.record()).reason, side === 'client' ? 'client-reset' : 'destination-reset');
    await lab.audit(t);
  },
});

export const rstToSlowReader = test.macro<[Engine, 'client' | 'server']>({
  title: (_, { name }, side) => `${name}: RST of the ${side} does not wait for the other end to read`,
  async exec(t, engine, side) {
    const lab = await Lab.start(t, engine, {
      serverReads: side !== 'client',
      settings: { bufferBytes: 33_554_432 },
    });
    const [client, server] = await lab.pair({ reads: side !== 'server' });
    const [one, other] = side === 'client' ? [client, server] : [server, client];
    const taken = (): number => lab.relay.stats().bytesUp + lab.relay.stats().bytesDown;
    // More than the kernel takes without a reader, less than the relay may hold: the relay reads on and hears the RST.
    const bytes = 16_000_000;
    one.send(Buffer.alloc(bytes));
    await until(() => taken() === bytes, 'the relay has read everything');
    one.reset();
    t.is((await lab.router.record()).reason, side === 'client' ? 'client-reset' : 'destination-reset');
    other.read();
    await other.hearsRst();
    t.true(other.bytes < bytes);
    await lab.audit(t);
  },
});

export const rstAfterFin = test.macro<[Engine, 'client' | 'server']>({
  title: (_, { name }, side) =>
    `${name}: a ${side} that resets after its FIN is missed though nobody writes to it`,
  async exec(t, engine, side) {
    const clock = new ManualClock();
    const lab = await Lab.start(t, engine, { relay: { clock } });
    const [client, server] = await lab.pair();
    const [one, other] = side === 'client' ? [client, server] : [server, client];
    one.end();
    await other.hearsFin();
    clock.advance(60_000);
    t.is(lab.relay.stats().connections, 1, 'half-closed connections live on');
    one.reset();
    await until(() => {
      clock.advance(1_000);
      return lab.router.records.length === 1;
    }, 'the relay misses it');
    t.is(lab.router.records[0]?.reason, side === 'client' ? 'client-reset' : 'destination-reset');
    await other.hearsRstAfterFin();
    t.is(clock.pending, 0);
    await lab.audit(t);
  },
});

export const writeToGone = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: a client that writes to a server that closed altogether is told with RST`,
  async exec(t, engine) {
    const lab = await Lab.start(t, engine);
    const [client, server] = await lab.pair();
    server.send('bye');
    await client.hears('bye');
    server.socket.destroy();
    await client.hearsFin();
    client.send('are you there');
    t.is((await lab.router.record()).reason, 'destination-reset');
    await client.hearsRstAfterFin();
    await lab.audit(t);
  },
});

export const userTimeout = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: TCP_USER_TIMEOUT ends a client that never reads, and its server gets RST`,
  async exec(t, engine) {
    if (!linuxAvailable().available) {
      t.log('skipped: TCP_USER_TIMEOUT needs Linux and koffi');
      t.pass();
      return;
    }
    const lab = await Lab.start(t, engine, { settings: { userTimeoutMs: 300 } });
    const [, server] = await lab.pair({ reads: false });
    server.send(Buffer.alloc(24_000_000));
    t.is((await lab.router.record()).reason, 'client-timeout');
    await server.hearsRst();
    await lab.audit(t);
  },
});

export const keepalive = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: both sides of a silent connection are asked whether they still live`,
  async exec(t, engine) {
    if (process.platform !== 'linux') {
      t.log('skipped: only Linux shows the timers of its connections');
      t.pass();
      return;
    }
    const probed = async (keepaliveMs: number): Promise<readonly boolean[]> => {
      const lab = await Lab.start(t, engine, { settings: { keepaliveMs } });
      const [client, server] = await lab.pair();
      client.send('once');
      await server.hears('once');
      const looks = [client, server].map(({ socket }) => (): boolean => {
        const peer = { host: socket.localAddress!, port: socket.localPort! };
        return waitsForKeepalive({ host: socket.remoteAddress!, port: socket.remotePort! }, peer);
      });
      // Other timers end by themselves within a moment, and an engine may take one to set this one.
      await until(() => looks.every((look) => look() === keepaliveMs > 0), 'the timers are as set');
      return looks.map((look) => look());
    };
    t.deepEqual(await probed(60_000), [true, true]);
    t.deepEqual(await probed(0), [false, false]);
  },
});

export const reset = test.macro<[Engine]>({
  title: (_, { name }) =>
    `${name}: reset() ends at most so many connections of one destination, oldest first`,
  async exec(t, engine) {
    const lab = await Lab.start(t, engine);
    const pairs = [await lab.pair(), await lab.pair(), await lab.pair()];
    t.deepEqual([...lab.relay.destinations()], [['server', 3]]);
    t.is(lab.relay.reset('nobody', 5), 0);
    t.is(lab.relay.reset('server', 2), 2);
    t.deepEqual([...lab.relay.destinations()], [['server', 1]]);
    for (const [client, server] of pairs.slice(0, 2))
      await Promise.all([client.hearsRst(), server.hearsRst()]);
    const [client, server] = pairs[2]!;
    client.send('still here');
    await server.hears('still here');
    t.is(lab.relay.reset('server', 2), 1);
    t.deepEqual(
      lab.router.records.map(({ client: { id }, reason }) => [id, reason]),
      [
        [1, 'dead'],
        [2, 'dead'],
        [3, 'dead'],
      ],
    );
    await lab.audit(t);
  },
});

export const close = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: close() ends everything with RST, at any stage, and onIdle() is told`,
  async exec(t, engine) {
    const lab: Lab = await Lab.start(t, engine, {
      route: (client) =>
        client.id === 1 ? { id: 'server', endpoint: lab.server.endpoint } : new Promise(() => undefined),
    });
    const idle: string[] = [];
    lab.relay.onIdle(() => idle.push('at once'));
    const [client, server] = await lab.pair();
    lab.relay.onIdle(() => idle.push('later'));
    const waiting = await lab.client();
    await until(() => lab.router.routed.length === 2, 'the second client waits');
    t.deepEqual(idle, ['at once']);
    await lab.relay.close();
    t.deepEqual(idle, ['at once', 'later']);
    await Promise.all([client.hearsRst(), server.hearsRst(), waiting.hearsRst()]);
    t.deepEqual(lab.router.records.map(({ reason }) => reason).toSorted(), ['closed', 'closed']);
    const late = await lab.client();
    t.is(late.failure, 'ECONNREFUSED');
    await lab.audit(t);
  },
});
