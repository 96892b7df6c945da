import test from 'ava';
import { createProxyPlane, type ForwardingPlane } from '../../../director/index.ts';
import { HeadgateError, isHeadgateError } from '../../../lib/errors/index.ts';
import { ManualClock } from '../../manual-clock.ts';
import { fakeRelay, type FakeRelay } from '../fake-relay.ts';
import { balancer, collectingLog, service, table, topology } from '../fixtures.ts';

interface Setup {
  readonly plane: ForwardingPlane;
  readonly relay: FakeRelay;
  readonly clock: ManualClock;
  readonly failures: string[];
  readonly lines: Record<string, unknown>[];
}

function setup(limit = 10_000): Setup {
  const clock = new ManualClock();
  const failures: string[] = [];
  const { createRelay, relay } = fakeRelay();
  const { log, lines } = collectingLog('debug');
  const plane = createProxyPlane({
    host: '10.0.0.1',
    createRelay,
    limit,
    preface: (source, destination) => Buffer.from(`${source.host}:${source.port}>${destination.port};`),
    onConnectFailure: (id) => failures.push(id),
    clock,
    random: () => 0.5,
    log,
    resetsPerSecond: () => 1_000,
  });
  return { plane, relay: relay(), clock, failures, lines };
}

const b1 = balancer('b1', { host: '10.0.1.1' });
const b2 = balancer('b2', { host: '10.0.1.2' });
const both = topology([b1, b2]);
const down = (id: string): Parameters<typeof table>[1] => ({
  health: { [id]: { state: 'down', dead: true } },
});

/** Connects `count` clients of different ports to the service chat; all must be taken. */
async function connectMany(relay: FakeRelay, count: number): Promise<Map<string, number>> {
  for (let port = 1; port <= count; port++) {
    const made = await relay.connect('chat', port);
    if (typeof made === 'string') throw new Error(`client ${port} got ${made}`);
  }
  return new Map(relay.destinations());
}

test('a client reaches the balancer of its slot with a header that names it', async (t) => {
  const { plane, relay } = setup();
  await plane.apply(table(both));
  const made = await relay.connect('chat', 5_000);
  if (typeof made === 'string') return t.fail(made);
  const { destination } = made;
  t.is(Buffer.from(destination.preface!).toString(), '192.0.2.1:5000>9000;');
  t.is(destination.endpoint.port, 9_000);
  t.deepEqual(plane.flows(10), [{ service: 'chat', client: '192.0.2.1:5000', balancer: destination.id }]);
});

test('both balancers get their share of clients', async (t) => {
  const { plane, relay } = setup();
  await plane.apply(table(both));
  const counts = await connectMany(relay, 400);
  t.true(counts.get('b1@10.0.1.1')! > 140 && counts.get('b2@10.0.1.2')! > 140);
});

test('a balancer that refuses is probed and the client goes to the next', async (t) => {
  const { plane, relay, failures } = setup();
  await plane.apply(table(both));
  relay.unreachable.set('b1@10.0.1.1', new HeadgateError('HEADGATE_RELAY_CONNECT_REFUSED', 'refused'));
  const counts = await connectMany(relay, 50);
  t.deepEqual([...counts.keys()], ['b2@10.0.1.2']);
  t.true(failures.length > 5 && failures.every((id) => id === 'b1@10.0.1.1'));
  t.deepEqual(plane.stats().balancers, { 'b2@10.0.1.2': 50 });
});

test('only failures that lie with the balancer make it probed', async (t) => {
  const { plane, relay, failures } = setup();
  await plane.apply(table(topology([b1])));
  const codes = ['CLIENT_GONE', 'CONNECT_LOCAL', 'CLOSED', 'CONNECT_TIMEOUT', 'CONNECT_REFUSED'] as const;
  const probed: number[] = [];
  for (const code of codes) {
    relay.unreachable.set('b1@10.0.1.1', new HeadgateError(`HEADGATE_RELAY_${code}`, 'connect failed'));
    await relay.connect('chat', 1);
    probed.push(failures.length);
  }
  t.deepEqual(probed, [0, 0, 0, 1, 2]);
});

test('without an eligible balancer clients are refused and counted; when all fail, counted apart', async (t) => {
  const { plane, relay } = setup();
  await plane.apply(table(topology([b1]), { health: { 'b1@10.0.1.1': { state: 'down' } } }));
  t.is(await relay.connect('chat', 1), 'no-destination');
  await plane.apply(table(topology([b1])));
  relay.unreachable.set('b1@10.0.1.1', new HeadgateError('HEADGATE_RELAY_CONNECT_REFUSED', 'refused'));
  t.is(await relay.connect('chat', 1), 'connect-failed');
  const expected = { accepted: 2, refusedNoBalancer: 1, refusedUnreachable: 1, connections: 0 };
  t.deepEqual(plane.stats().total, expected);
  t.deepEqual(plane.stats().services, { chat: expected });
});

test('clients beyond the limit are counted', async (t) => {
  const { plane, relay } = setup(2);
  await plane.apply(table(both));
  await connectMany(relay, 2);
  await relay.connect('chat', 3);
  t.like(plane.stats(), { limit: 2, refusedFull: 1 });
});

test('connections of a dead balancer end at the rate; those of the other stay where they are', async (t) => {
  const { plane, relay, clock } = setup();
  await plane.apply(table(both));
  const counts = await connectMany(relay, 1_000);
  const doomed = counts.get('b1@10.0.1.1')!;
  await plane.apply(table(both, down('b1@10.0.1.1')));
  clock.advance(200);
  t.is(relay.destinations().get('b1@10.0.1.1'), doomed - 200);
  clock.advance(1_000);
  t.deepEqual(plane.stats().balancers, { 'b2@10.0.1.2': 1_000 - doomed });
  t.is(plane.stats().counters['deadResets'], doomed);
});

test('resets stop when the balancer recovers or the monitor suspects itself', async (t) => {
  const { plane, relay, clock } = setup();
  await plane.apply(table(both));
  const doomed = (await connectMany(relay, 1_000)).get('b1@10.0.1.1')!;
  await plane.apply(table(both, down('b1@10.0.1.1')));
  clock.advance(100);
  await plane.apply(table(both, { ...down('b1@10.0.1.1'), suspectsItself: true }));
  clock.advance(60_000);
  t.is(relay.destinations().get('b1@10.0.1.1'), doomed - 100);
  await plane.apply(table(both, down('b1@10.0.1.1')));
  clock.advance(100);
  await plane.apply(table(both));
  clock.advance(60_000);
  t.is(relay.destinations().get('b1@10.0.1.1'), doomed - 200);
});

test('listeners follow the services: opened, moved, updated, closed, and counts go with the last connection', async (t) => {
  const { plane, relay } = setup();
  await plane.apply(table(both));
  const made = await relay.connect('chat', 1);
  if (typeof made === 'string') return t.fail(made);
  const web = service('web', { listen: { host: '127.40.0.1', port: 80 } });
  const moved = service('chat', { listen: { host: '127.40.0.1', port: 9_001 } });
  await plane.apply(table(topology([b1, b2], [moved, web])));
  t.deepEqual([...relay.listening.keys()].sort(), ['127.40.0.1:80', '127.40.0.1:9001']);
  const changed = service('web', {
    ...web,
    proxyProtocol: { accept: 'v2', send: 'off' },
    connectTimeoutMs: 7,
  });
  await plane.apply(table(topology([b1, b2], [changed])));
  t.deepEqual([...relay.listening.keys()], ['127.40.0.1:80']);
  t.like(relay.listening.get('127.40.0.1:80'), { acceptProxy: ['v2'], settings: { connectTimeoutMs: 7 } });
  t.is(plane.stats().services['chat']!.connections, 1);
  relay.finish(made);
  t.deepEqual(Object.keys(plane.stats().services), ['web']);
  t.is(plane.stats().total.accepted, 1);
});

test('a listener that cannot be opened is told, everything else is applied, the old one stays, and it is tried again', async (t) => {
  const { plane, relay } = setup();
  await plane.apply(table(both));
  relay.taken.add('127.40.0.1:9001');
  const web = service('web', { listen: { host: '127.40.0.1', port: 80 } });
  const next = table(topology([b1], [service('chat', { listen: { host: '127.40.0.1', port: 9_001 } }), web]));
  const error = await t.throwsAsync(plane.apply(next));
  t.true(isHeadgateError(error, 'HEADGATE_DIRECTOR_APPLY'));
  t.deepEqual([...relay.listening.keys()].sort(), ['127.40.0.1:80', '127.40.0.1:9000']);
  relay.taken.clear();
  await plane.apply(next);
  t.deepEqual([...relay.listening.keys()].sort(), ['127.40.0.1:80', '127.40.0.1:9001']);
});

test('two services swap their places; one whose new place is taken goes back to its old one', async (t) => {
  const { plane, relay } = setup();
  const at = (name: string, port: number, host = '127.40.0.1'): ReturnType<typeof service> =>
    service(name, { listen: { host, port } });
  await plane.apply(table(topology([b1], [at('chat', 1), at('web', 2)])));
  await plane.apply(table(topology([b1], [at('chat', 2), at('web', 1)])));
  t.is(relay.listening.get('127.40.0.1:1')?.service, 'web');
  t.is(relay.listening.get('127.40.0.1:2')?.service, 'chat');
  relay.taken.add('0.0.0.0:2');
  await t.throwsAsync(plane.apply(table(topology([b1], [at('chat', 2, '0.0.0.0'), at('web', 1)]))));
  t.is(relay.listening.get('127.40.0.1:2')?.service, 'chat');
});

test('draining closes the listeners, opens no other, and resolves with the last connection', async (t) => {
  const { plane, relay } = setup();
  await plane.apply(table(both));
  const made = await relay.connect('chat', 1);
  if (typeof made === 'string') return t.fail(made);
  let done = false;
  const drained = plane.drain().then(() => (done = true));
  await plane.apply(table(topology([b1])));
  t.is(relay.listening.size, 0);
  t.false(done);
  relay.finish(made);
  await drained;
  t.true(done);
});

test('closing ends connections and a pending drain, and may be repeated', async (t) => {
  const { plane, relay } = setup();
  await plane.apply(table(both));
  await relay.connect('chat', 1);
  const drained = plane.drain();
  await Promise.all([plane.close(), plane.close()]);
  await drained;
  t.is(relay.connections.size, 0);
  await t.notThrowsAsync(plane.apply(table(both)));
});

test('each connection that ends leaves one record', async (t) => {
  const { plane, relay, lines } = setup();
  await plane.apply(table(both));
  const made = await relay.connect('chat', 5_000);
  if (typeof made === 'string') return t.fail(made);
  relay.finish(made, 'client-reset');
  t.is(lines.length, 1);
  t.like(lines[0], {
    msg: 'connection ended',
    service: 'chat',
    client: '192.0.2.1:5000',
    balancer: made.destination.id,
    reason: 'client-reset',
  });
});
