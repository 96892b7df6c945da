import test from 'ava';
import { ManualClock } from '../../manual-clock.ts';
import type { Engine } from './engines.ts';
import { gate, Lab, to } from './lab.ts';
import { refusingEndpoint, silentEndpoint } from './silent.ts';
import { until } from '../../until.ts';

const host = '127.30.0.3';

export const refusedNext = test.macro<[Engine]>({
  title: (_, { name }) =>
    `${name}: a destination that refuses is followed by the next, and the client never hears`,
  async exec(t, engine) {
    const refusing = refusingEndpoint;
    const tries: (readonly string[])[] = [];
    const lab: Lab = await Lab.start(t, engine, {
      route(_client, tried) {
        tries.push(tried);
        return tried.length < 2 ? to(`dead${tried.length}`, refusing) : to('server', lab.server.endpoint);
      },
    });
    const client = await lab.client();
    client.send('hello');
    await (await lab.server.peer()).hears('hello');
    t.deepEqual(tries, [[], ['dead0'], ['dead0', 'dead1']]);
    t.deepEqual(
      lab.router.failures.map(({ destination, error }) => [destination.id, error.code, error.facts['code']]),
      [
        ['dead0', 'HEADGATE_RELAY_CONNECT_REFUSED', 'ECONNREFUSED'],
        ['dead1', 'HEADGATE_RELAY_CONNECT_REFUSED', 'ECONNREFUSED'],
      ],
    );
    client.reset();
    t.like(await lab.router.record(), { retries: 2, reason: 'client-reset', destination: { id: 'server' } });
    t.is(lab.relay.stats().connectFailures, 2);
    await lab.audit(t);
  },
});

export const timeoutNext = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: a destination that does not answer in time is followed by the next`,
  async exec(t, engine) {
    const silent = await silentEndpoint(t, '127.30.0.4');
    const clock = new ManualClock();
    const lab: Lab = await Lab.start(t, engine, {
      relay: { clock },
      settings: { connectTimeoutMs: 2_000 },
      route: (_client, tried) =>
        tried.length === 0 ? to('silent', silent) : to('server', lab.server.endpoint),
    });
    const client = await lab.client();
    client.send('hello');
    await until(() => lab.router.places === 1, 'the first destination is tried');
    clock.advance(1_999);
    t.is(lab.router.failures.length, 0);
    clock.advance(1);
    await (await lab.server.peer()).hears('hello');
    t.like(lab.router.failures[0], {
      destination: { id: 'silent' },
      error: { code: 'HEADGATE_RELAY_CONNECT_TIMEOUT' },
    });
    await lab.audit(t);
  },
});

export const timeoutAtOnce = test.macro<[Engine]>({
  title: (_, { name }) =>
    `${name}: a destination given up before its connect has left is followed by the next`,
  async exec(t, engine) {
    const silent = await silentEndpoint(t, '127.30.0.4');
    const clock = new ManualClock();
    const answer = gate();
    const lab: Lab = await Lab.start(t, engine, {
      relay: { clock },
      settings: { connectTimeoutMs: 2_000 },
      async route(_client, tried) {
        if (tried.length > 0) return to('server', lab.server.endpoint);
        await answer.opened;
        return to('silent', silent);
      },
    });
    const client = await lab.client();
    client.send('hello');
    await until(() => lab.router.routed.length === 1, 'the router is asked');
    answer.open();
    // Microtasks: the connect is asked for in one of them, and the event loop goes on only after all.
    for (let tick = 0; tick < 20; tick++) await Promise.resolve();
    clock.advance(2_000);
    await (await lab.server.peer()).hears('hello');
    t.deepEqual(
      lab.router.failures.map(({ destination, error }) => [destination.id, error.code]),
      [['silent', 'HEADGATE_RELAY_CONNECT_TIMEOUT']],
    );
    await lab.audit(t);
  },
});

export const allRefuse = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: a client is refused with RST after eight destinations failed`,
  async exec(t, engine) {
    const refusing = refusingEndpoint;
    const lab = await Lab.start(t, engine, {
      route: (_client, tried) => to(`dead${tried.length}`, refusing),
    });
    const client = await lab.client();
    await client.hearsRst();
    t.like(await lab.router.record(), { destination: null, reason: 'connect-failed', retries: 8 });
    t.like(lab.relay.stats(), { connectFailures: 8, refusedNoDestination: 1 });
    await lab.audit(t);
  },
});

export const localAddress = test.macro<[Engine]>({
  title: (_, { name }) =>
    `${name}: a destination is connected to from its local address, which must be of this machine`,
  async exec(t, engine) {
    const lab: Lab = await Lab.start(t, engine, {
      route: (_client, tried) => ({
        ...to(`try ${tried.length}`, lab.server.endpoint),
        localAddress: tried.length === 0 ? '192.0.2.1' : '127.91.0.9',
      }),
    });
    const [client, server] = await lab.pair();
    t.is(server.socket.remoteAddress, '127.91.0.9');
    client.send('from there');
    await server.hears('from there');
    t.is(lab.router.failures[0]?.error.code, 'HEADGATE_RELAY_CONNECT_LOCAL');
    t.is(lab.router.failures[0]?.error.facts['code'], 'EADDRNOTAVAIL');
    await lab.audit(t);
  },
});

export const noDestination = test.macro<[Engine, string, () => null | Promise<null>, number]>({
  title: (_, { name }, how) => `${name}: a client is refused with RST when the router ${how}`,
  async exec(t, engine, _how, route, routerErrors) {
    const told: unknown[] = [];
    const onRouterError = (error: unknown): number => told.push(error);
    const lab = await Lab.start(t, engine, { route, relay: { onRouterError } });
    const client = await lab.client();
    await client.hearsRst();
    t.like(await lab.router.record(), { destination: null, reason: 'no-destination', retries: 0 });
    t.like(lab.relay.stats(), { refusedNoDestination: 1, routerErrors });
    t.is(told.length, routerErrors);
    await lab.audit(t);
  },
});

export const throwingRouter = test.macro<[Engine]>({
  title: (_, { name }) =>
    `${name}: a router that throws in connected(), failed() or ended() harms no connection`,
  async exec(t, engine) {
    const refusing = refusingEndpoint;
    const lab: Lab = await Lab.start(t, engine, {
      route: (_client, tried) =>
        tried.length === 0 ? to('dead', refusing) : to('server', lab.server.endpoint),
    });
    const fail = (): never => {
      throw new Error('a fault of the router');
    };
    const router = { route: lab.router.decide, connected: fail, failed: fail, ended: fail };
    const relay = engine.create({ router, limit: 10 });
    t.teardown(() => relay.close());
    const listener = await relay.listen({ ...lab.listener.spec, endpoint: { host, port: 0 } });
    const { connectPeer } = await import('./peer.ts');
    const client = await connectPeer(listener.spec.endpoint);
    client.send('hello');
    const server = await lab.server.peer();
    await server.hears('hello');
    client.end();
    server.end();
    await client.hearsFin();
    await until(() => relay.stats().connections === 0, 'the connection ends');
    t.like(relay.stats(), { routerErrors: 3, connectFailures: 1 });
  },
});

export const goneWhileRouting = test.macro<[Engine]>({
  title: (_, { name }) =>
    `${name}: a client that resets while the router thinks is ended, and the late answer given back`,
  async exec(t, engine) {
    const answer = gate();
    const lab: Lab = await Lab.start(t, engine, {
      async route() {
        await answer.opened;
        return to('server', lab.server.endpoint);
      },
    });
    const client = await lab.client();
    await until(() => lab.router.routed.length === 1, 'the router is asked');
    client.reset();
    t.like(await lab.router.record(), { destination: null, reason: 'client-gone' });
    t.is(lab.router.failures.length, 0);
    answer.open();
    await until(() => lab.router.failures.length === 1, 'the answer is given back');
    t.is(lab.router.failures[0]?.error.code, 'HEADGATE_RELAY_CLIENT_GONE');
    t.is(lab.server.peers.length, 0);
    await lab.audit(t);
  },
});

export const goneWhileConnecting = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: a client that resets during the connect ends it`,
  async exec(t, engine) {
    const silent = await silentEndpoint(t, '127.30.0.5');
    const lab = await Lab.start(t, engine, { route: () => to('silent', silent) });
    const client = await lab.client();
    await until(() => lab.router.places === 1, 'the connect is under way');
    client.reset();
    t.like(await lab.router.record(), { destination: null, reason: 'client-gone', retries: 0 });
    t.deepEqual(
      lab.router.failures.map(({ error }) => error.code),
      ['HEADGATE_RELAY_CLIENT_GONE'],
    );
    t.is(lab.relay.stats().connectFailures, 0);
    await lab.audit(t);
  },
});

export const closeWhileConnecting = test.macro<[Engine]>({
  title: (_, { name }) => `${name}: close() during a connect gives the answer back as closed`,
  async exec(t, engine) {
    const silent = await silentEndpoint(t, '127.30.0.6');
    const lab = await Lab.start(t, engine, { route: () => to('silent', silent) });
    const client = await lab.client();
    await until(() => lab.router.places === 1, 'the connect is under way');
    await lab.relay.close();
    await client.hearsRst();
    t.is(lab.router.failures[0]?.error.code, 'HEADGATE_RELAY_CLOSED');
    t.is((await lab.router.record()).reason, 'closed');
    await lab.audit(t);
  },
});
