import test, { type ExecutionContext } from 'ava';
import {
  ControlKey,
  type ControlPeer,
  type ControlServer,
  type RequestHandler,
} from '../../lib/control/index.ts';
import { HeadgateError, isHeadgateError } from '../../lib/errors/index.ts';
import type { TierNode } from '../../node/tier-node.ts';
import type { Topology } from '../../topology/index.ts';
import { startDirectorWith, type ForwardingTable } from '../../director/index.ts';
import type { PacketPlane, PacketPlaneKind } from '../../director/packet-planes.ts';
import { ManualClock } from '../manual-clock.ts';
import { fakeRelay, type FakeRelay } from './fake-relay.ts';
import { balancer, collectingLog, FakeHeartbeats, service, topology } from './fixtures.ts';
import { until } from '../until.ts';

interface Setup {
  readonly node: TierNode;
  readonly relay: FakeRelay;
  readonly beats: FakeHeartbeats;
  readonly clock: ManualClock;
  readonly handlers: Map<string, RequestHandler>;
  readonly messages: () => string[];
}

const b1 = balancer('b1', { host: '10.0.1.1' });
const b2 = balancer('b2', { host: '10.0.1.2' });
const id1 = 'b1@10.0.1.1';
const id2 = 'b2@10.0.1.2';

async function start(
  t: ExecutionContext,
  of: Topology,
  name = 'd1',
  limit = 100,
  packetPlanes: readonly PacketPlaneKind[] = [],
): Promise<Setup> {
  const clock = new ManualClock();
  const { createRelay, relay } = fakeRelay();
  const { log, lines } = collectingLog();
  const handlers = new Map<string, RequestHandler>();
  let beats: FakeHeartbeats | undefined;
  const node = await startDirectorWith(
    {
      topology: of,
      node: name,
      key: ControlKey.fromSecret(new Uint8Array(32)),
      control: { handle: (method, handler) => void handlers.set(method, handler) } as ControlServer,
      log,
      logFormat: 'json',
      clock,
    },
    {
      createRelay,
      createHeartbeats: (options) => (beats = new FakeHeartbeats(options)),
      preface: () => new Uint8Array(),
      limit,
      random: () => 0.5,
      packetPlanes,
    },
  );
  t.teardown(() => node.close());
  return {
    node,
    relay: relay(),
    beats: beats!,
    clock,
    handlers,
    messages: () => lines.map(({ msg }) => String(msg)),
  };
}

/** Sets health, lets the director take notice, and connects a client. */
async function connect({ relay }: Setup, port = 1): Promise<string> {
  const made = await relay.connect('chat', port);
  return typeof made === 'string' ? made : made.destination.id;
}

test('a balancer gets clients as soon as it is up, and none before', async (t) => {
  const setup = await start(t, topology([b1, b2]));
  t.is(await connect(setup), 'no-destination');
  setup.beats.set(id1, 'up');
  setup.clock.advance(0);
  t.is(await connect(setup), id1);
  t.is(setup.node.status().counters['refusedNoBalancer'], 1);
});

test('many changes of one moment make one table', async (t) => {
  const { beats, clock, messages } = await start(t, topology([b1, b2]));
  beats.set(id1, 'up');
  beats.set(id2, 'up');
  t.is(clock.pending, 2, 'one refresh besides the housekeeping');
  clock.advance(0);
  const told = messages().filter((line) => line.includes('new connections'));
  t.deepEqual(told, ['service chat: new connections go to b1, b2']);
});

test('a refused connect asks for the balancer at once', async (t) => {
  const setup = await start(t, topology([b1, b2]));
  setup.beats.set(id1, 'up');
  setup.clock.advance(0);
  setup.relay.unreachable.set(id1, new HeadgateError('HEADGATE_RELAY_CONNECT_REFUSED', 'refused'));
  t.is(await connect(setup), 'connect-failed');
  t.deepEqual(setup.beats.probed, [id1]);
});

test('a removed balancer is heartbeated and shown as draining until its last connection has ended', async (t) => {
  const setup = await start(t, topology([b1]));
  const { node, relay, beats, clock } = setup;
  beats.set(id1, 'up');
  clock.advance(0);
  t.is(await connect(setup), id1);
  await node.apply(topology([b2]));
  beats.set(id2, 'up');
  clock.advance(5_000);
  t.deepEqual(
    beats.targets.map(({ id }) => id),
    [id2, id1],
  );
  t.like(node.status().watches[1], { node: 'b1', draining: true, connections: 1, state: 'up' });
  t.is(await connect(setup, 2), id2, 'it gets nothing new');
  relay.finish([...relay.connections.values()][0]!);
  clock.advance(1_000);
  t.deepEqual(
    node.status().watches.map((watch) => watch.node),
    ['b2'],
  );
  t.deepEqual(
    beats.targets.map(({ id }) => id),
    [id2],
  );
});

test('a removed balancer that dies loses its connections and is forgotten', async (t) => {
  const setup = await start(t, topology([b1]));
  setup.beats.set(id1, 'up');
  setup.clock.advance(0);
  await connect(setup);
  await setup.node.apply(topology([b2]));
  setup.beats.set(id1, 'down', { dead: true });
  setup.clock.advance(3_000);
  t.is(setup.relay.connections.size, 0);
  t.is(setup.node.status().watches.length, 1);
});

test('a changed flows.resetsPerSecond holds at once, also while clients of a dead balancer are told', async (t) => {
  const setup = await start(t, topology([b1]));
  const slow = topology([b1], undefined, { flows: { ...topology([]).flows, resetsPerSecond: 1 } });
  await setup.node.apply(slow);
  setup.beats.set(id1, 'up');
  setup.clock.advance(0);
  for (let port = 1; port <= 50; port++) await connect(setup, port);
  setup.beats.set(id1, 'down', { dead: true });
  setup.clock.advance(3_100);
  t.true(setup.relay.connections.size >= 46, 'one a second');
  await setup.node.apply(topology([b1]));
  setup.clock.advance(1_000);
  t.is(setup.relay.connections.size, 0);
});

test('a balancer that moves to another host drains under a name of its own', async (t) => {
  const setup = await start(t, topology([b1]));
  setup.beats.set(id1, 'up');
  setup.clock.advance(0);
  await connect(setup);
  await setup.node.apply(topology([{ ...b1, host: '10.0.1.99' }]));
  const [now, before] = setup.node.status().watches;
  t.like(now, { node: 'b1', state: 'unknown', draining: false, connections: 0 });
  t.like(before, { node: id1, state: 'up', draining: true, connections: 1 });
});

test('a balancer without connections is forgotten as soon as it is removed', async (t) => {
  const { node, beats } = await start(t, topology([b1, b2]));
  await node.apply(topology([b2]));
  t.deepEqual(
    beats.targets.map(({ id }) => id),
    [id2],
  );
});

test('the status tells the watches with state, misses and connections, and what is new per second', async (t) => {
  const setup = await start(t, topology([b1, { ...b2, state: 'drain' }]));
  const reply = {
    services: { chat: { state: 'serving' as const, connections: 3 } },
    connections: 3,
    topology: 'hash',
  };
  setup.beats.set(id1, 'up', { misses: 1, reply });
  setup.clock.advance(0);
  for (let port = 1; port <= 10; port++) await connect(setup, port);
  setup.clock.advance(2_000);
  const status = setup.node.status();
  t.like(status, { draining: false, connections: 10, accepted: 10, newPerSecond: 5, limit: 100 });
  t.deepEqual(status.watches, [
    {
      node: 'b1',
      tier: 'balancer',
      state: 'up',
      misses: 1,
      dead: false,
      services: { chat: 'serving' },
      connections: 10,
      draining: false,
      lastFailure: '',
    },
    {
      node: 'b2',
      tier: 'balancer',
      state: 'unknown',
      misses: 0,
      dead: false,
      services: {},
      connections: 0,
      draining: true,
      lastFailure: '',
    },
  ]);
});

test('a limit that bites is logged at once and then rarely', async (t) => {
  const setup = await start(t, topology([b1]), 'd1', 1);
  setup.beats.set(id1, 'up');
  setup.clock.advance(0);
  await connect(setup);
  const told = (): number =>
    setup.messages().filter((line) => line.includes('the limit of 1 is reached')).length;
  for (let second = 0; second < 9; second++) {
    await connect(setup);
    setup.clock.advance(1_000);
  }
  t.is(told(), 1);
  setup.clock.advance(5_000);
  t.is(told(), 2);
  t.is(setup.node.status().counters['refusedFull'], 9);
});

test('explain answers from the running table', async (t) => {
  const setup = await start(t, topology([b1]));
  setup.beats.set(id1, 'up');
  setup.clock.advance(0);
  const answer = await setup.handlers.get('explain')!({ client: '192.0.2.1:1' }, {} as ControlPeer);
  t.like(answer, { explanations: [{ service: 'chat', balancer: 'b1', established: null }] });
});

test('at start a port that is taken is an error and nothing stays open', async (t) => {
  const { createRelay, relay } = fakeRelay();
  let beats: FakeHeartbeats | undefined;
  const { log } = collectingLog();
  const web = service('web', { listen: { host: '127.40.0.1', port: 80 } });
  const starting = startDirectorWith(
    {
      topology: topology([b1], [service('chat'), web]),
      node: 'd1',
      key: ControlKey.fromSecret(new Uint8Array(32)),
      control: { handle: () => {} } as unknown as ControlServer,
      log,
      logFormat: 'json',
      clock: new ManualClock(),
    },
    {
      createRelay: (options) => {
        const made = createRelay(options);
        relay().taken.add('127.40.0.1:80');
        return made;
      },
      createHeartbeats: (options) => (beats = new FakeHeartbeats(options)),
      preface: () => new Uint8Array(),
      limit: 1,
      random: () => 0.5,
    },
  );
  const error = await t.throwsAsync(starting);
  t.true(isHeadgateError(error, 'HEADGATE_DIRECTOR_APPLY'));
  t.is(relay().listening.size, 0);
  t.true(beats!.closed);
});

test('a live change that cannot be applied keeps what runs, is told, and is tried again until it can', async (t) => {
  const { node, relay, clock, messages } = await start(t, topology([b1]));
  relay.taken.add('127.40.0.1:9001');
  await node.apply(topology([b1], [service('chat', { listen: { host: '127.40.0.1', port: 9_001 } })]));
  t.deepEqual([...relay.listening.keys()], ['127.40.0.1:9000']);
  t.true(messages().some((line) => line.includes('127.40.0.1:9001 is taken')));
  relay.taken.clear();
  clock.advance(1_000);
  await until(() => relay.listening.has('127.40.0.1:9001'), 'the new listener');
  t.deepEqual([...relay.listening.keys()], ['127.40.0.1:9001']);
});

test('a plane that fails for a moment, when it is asked or counted, ends nothing: it is told and tried again', async (t) => {
  let isFailing = false;
  const applied: ForwardingTable[] = [];
  const answer = <Value>(value: Value): Value => {
    if (isFailing) throw new HeadgateError('HEADGATE_BPF_MAP', 'no memory');
    return value;
  };
  const total = { accepted: 0, refusedNoBalancer: 0, refusedUnreachable: 0, connections: 0 };
  const plane = {
    memory: { modes: new Map(), eligible: new Map(), dead: new Set(), balancers: [] },
    setTopology: () => undefined,
    expect: () => undefined,
    obstacle: () => answer(undefined),
    apply: (table: ForwardingTable) => Promise.resolve(void applied.push(table)),
    stats: () => answer({ total, services: {}, balancers: {}, limit: 1, refusedFull: 0, counters: {} }),
    close: () => Promise.resolve(),
  } as unknown as PacketPlane;
  const kind: PacketPlaneKind = {
    name: 'fake',
    modes: ['tun'],
    takesVip: false,
    endsBy: 'nothing',
    lack: () => undefined,
    isPinned: () => false,
    open: () => plane,
  };
  const services = [service('chat', { forwarding: 'tun' })];
  const { node, beats, clock, messages } = await start(t, topology([b1], services), 'd1', 100, [kind]);
  isFailing = true;
  beats.set(id1, 'up');
  clock.advance(0);
  clock.advance(1_000);
  await node.apply(topology([b2], services));
  t.true(messages().filter((line) => line.includes('no memory')).length >= 3);
  isFailing = false;
  beats.set(id2, 'up');
  clock.advance(1_000);
  await until(() => applied.at(-1)?.services[0]?.owners[0]?.id === id2, 'what could not be applied');
});

test('a node that is no director of the topology does not start', async (t) => {
  const error = await t.throwsAsync(start(t, topology([b1]), 'd7'));
  t.true(isHeadgateError(error, 'HEADGATE_DIRECTOR_NOT_IN_TOPOLOGY'));
});

test('drain stops accepting and resolves when idle; close ends it early', async (t) => {
  const setup = await start(t, topology([b1]));
  setup.beats.set(id1, 'up');
  setup.clock.advance(0);
  await connect(setup);
  const drained = setup.node.drain();
  await until(() => setup.relay.listening.size === 0, 'listeners closed');
  t.true(setup.node.status().draining);
  t.is(setup.relay.connections.size, 1);
  await setup.node.close();
  await drained;
  t.is(setup.clock.pending, 0);
});

test('the log tells when no balancer is left for new connections, and why', async (t) => {
  const { beats, clock, messages } = await start(t, topology([b1, { ...b2, state: 'drain' }]));
  t.false(
    messages().some((line) => line.includes('no balancer')),
    'not while they are first asked',
  );
  beats.set(id1, 'up');
  clock.advance(0);
  beats.set(id1, 'down');
  clock.advance(0);
  t.is(
    messages().at(-1),
    'service chat: no balancer is eligible, new connections are refused (b1 is down, b2 state: drain in the topology)',
  );
});

test('forwarding: auto takes the proxy plane and says why', async (t) => {
  const { messages } = await start(t, topology([b1], [service('chat', { forwarding: 'auto' })]));
  t.true(
    messages().some((line) =>
      /service chat: .*forwarding: proxy \(auto: the VIP is a loopback address/.test(line),
    ),
  );
});
