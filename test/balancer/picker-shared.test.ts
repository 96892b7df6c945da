import test from 'ava';
import { OwnerLock } from '../../lib/shared-memory/index.ts';
import { PickTable, supervisorToken } from '../../balancer/pick-table.ts';
import { SharedPicker } from '../../balancer/picker-shared.ts';
import type { Picked } from '../../balancer/picker.ts';
import { UpstreamPool } from '../../balancer/upstream-pool.ts';
import type { WorkerRequest } from '../../balancer/worker-protocol.ts';
import type { Balancing, Topology } from '../../topology/index.ts';
import { ManualClock } from '../manual-clock.ts';
import { aBalancing, aChatServer, aService, aTopology } from '../topology-fixture.ts';
import { health } from './health.ts';
import { client, seededRandom } from './upstreams.ts';

const workers = 3;

/** One chat server with room for `limit`, and a queue. */
function topologyWith(limit: number | undefined, queue: Balancing['queue']): Topology {
  return aTopology({
    services: [aService({ balancing: aBalancing({ queue }), chatservers: ['c1'] })],
    chatservers: [aChatServer(1, { maxConnections: limit })],
  });
}

/** Three workers of one node over one table, in one process. What they send is collected. */
class Node {
  readonly clock = new ManualClock();
  readonly table = new PickTable(new ArrayBuffer(PickTable.bytes(workers)), workers);
  readonly pool = new UpstreamPool({
    table: this.table,
    random: seededRandom(1),
    now: () => this.clock.now(),
  });
  readonly sent: WorkerRequest[] = [];
  readonly pickers: SharedPicker[];
  /** What became of the connections, by number. */
  readonly outcomes = new Map<number, string>();

  constructor(topology: Topology) {
    this.apply(topology);
    this.pickers = Array.from(
      { length: workers },
      (_, place) =>
        new SharedPicker({
          table: this.table,
          place,
          clock: this.clock,
          random: seededRandom(place),
          send: (requests, sent) => {
            this.sent.push(...requests);
            sent();
          },
          upstream: (id) =>
            this.pool
              .upstreams()
              .map(({ upstream, row }) => ({ ...upstream, row: row! }))
              .find((one) => one.id === id),
        }),
    );
    this.configure();
  }

  apply(topology: Topology): void {
    this.pool.apply(topology);
    this.pool.refresh((key) => health(key, 'up'));
  }

  configure(): void {
    for (const picker of this.pickers) picker.configure(this.pool.plan);
  }

  /** Connection `connection` of the worker at `place` wants a server. */
  async ask(place: number, connection: number, tried: readonly number[] = []): Promise<string> {
    const answer = this.pickers[place]!.pick({ service: 'chat', client, tried, connection });
    const note = (picked: Picked): void => void this.outcomes.set(connection, picked?.name ?? 'refused');
    if (answer instanceof Promise) void answer.then(note);
    else note(answer);
    return this.outcome(connection);
  }

  async outcome(connection: number): Promise<string> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.outcomes.get(connection) ?? 'waits';
  }

  /** What was sent since the last call, sorted out by kind. */
  async told(kind: string): Promise<number> {
    await new Promise((resolve) => setImmediate(resolve));
    const count = this.sent.filter(([one]) => one === kind).length;
    this.sent.length = 0;
    return count;
  }
}

const queue = { size: 3, timeoutMs: 5_000 };

test('a pick is answered at once, without a message', (t) => {
  const node = new Node(topologyWith(undefined, queue));
  const picked = node.pickers[0]!.pick({ service: 'chat', client, tried: [], connection: 1 });
  t.false(picked instanceof Promise);
  t.is(node.sent.length, 0);
});

test('while every server is at its limit clients wait, and get places in the order they came, over all workers', async (t) => {
  const node = new Node(topologyWith(1, queue));
  t.is(await node.ask(0, 1), 'c1');
  t.is(await node.ask(1, 2), 'waits');
  t.is(await node.ask(2, 3), 'waits');
  t.is(await node.ask(1, 4), 'waits');
  t.deepEqual([...node.pool.waiting()], [['chat', 3]]);
  node.pickers[0]!.release(1);
  t.is(await node.told('room'), 1, 'the place is free and the first waits elsewhere');
  t.is(node.pool.oldestWaiting('chat'), 1);
  t.is(await node.ask(0, 5), 'refused', 'the queue is full, and nobody overtakes');
  node.pickers[2]!.serve('chat');
  t.is(await node.outcome(3), 'waits', 'it is not its turn');
  node.pickers[1]!.serve('chat');
  t.is(await node.outcome(2), 'c1');
  t.is(await node.outcome(4), 'waits');
  t.is(await node.ask(0, 6), 'waits', 'one has left the queue');
  for (const [from, place, next] of [
    [1, 2, 3],
    [2, 1, 4],
    [1, 0, 6],
  ] as const) {
    node.pickers[from]!.release(1);
    node.pickers[place]!.serve('chat');
    t.is(await node.outcome(next), 'c1');
  }
  t.is(node.pool.waiting().size, 0);
  t.is(node.pickers[0]!.stats.refusedNoPlace, 1);
});

test('without a queue who finds no place is refused and counted', async (t) => {
  const node = new Node(topologyWith(1, { size: 0, timeoutMs: 5_000 }));
  await node.ask(0, 1);
  t.is(await node.ask(1, 2), 'refused');
  t.is(node.pickers[1]!.stats.refusedNoPlace, 1);
  t.is(node.pickers[1]!.stats.queued, 0);
});

test('who waits too long is refused and counted, and those behind move up', async (t) => {
  const node = new Node(topologyWith(1, queue));
  await node.ask(0, 1);
  await node.ask(1, 2);
  node.clock.advance(4_000);
  await node.ask(2, 3);
  node.clock.advance(1_000);
  t.is(await node.outcome(2), 'refused');
  t.is(await node.outcome(3), 'waits');
  t.is(node.pickers[1]!.stats.queueTimeouts, 1);
  node.pickers[0]!.release(1);
  node.pickers[2]!.serve('chat');
  t.is(await node.outcome(3), 'c1');
  node.clock.advance(10_000);
  t.is(node.clock.pending, 0, 'no timer is left');
});

test('a client that leaves while it waits makes room in the queue and holds nobody up', async (t) => {
  const node = new Node(topologyWith(1, { size: 2, timeoutMs: 5_000 }));
  await node.ask(0, 1);
  await node.ask(1, 2);
  await node.ask(2, 3);
  node.pickers[1]!.leave(2);
  t.is(await node.ask(0, 4), 'waits');
  node.pickers[0]!.release(1);
  node.pickers[2]!.serve('chat');
  t.is(await node.outcome(3), 'c1');
  t.is(await node.outcome(2), 'waits', 'nobody answers who is gone');
});

test('a wake-up that got lost is made up for by those who wait', async (t) => {
  const node = new Node(topologyWith(1, queue));
  await node.ask(0, 1);
  await node.ask(1, 2);
  node.pickers[0]!.release(1);
  node.clock.advance(100);
  t.is(await node.outcome(2), 'c1');
});

test('a worker that dies gives back its places and its part of the queue', async (t) => {
  const node = new Node(topologyWith(1, queue));
  await node.ask(0, 1);
  await node.ask(0, 2);
  await node.ask(1, 3);
  node.pool.releaseAll(0);
  t.is(node.pool.oldestWaiting('chat'), 1);
  node.pickers[1]!.serve('chat');
  t.is(await node.outcome(3), 'c1');
});

test('a service is full when no place is free and the queue is full, until a twentieth is free; each change is told once', async (t) => {
  const node = new Node(topologyWith(20, { size: 20, timeoutMs: 60_000 }));
  for (let connection = 1; connection < 40; connection++) await node.ask(0, connection);
  t.is(await node.told('fullness'), 0);
  t.false(node.pool.isFull('chat'));
  await node.ask(1, 40);
  t.is(await node.told('fullness'), 1);
  t.true(node.pool.isFull('chat'));
  node.pickers[0]!.release(1);
  t.true(node.pool.isFull('chat'), '39 of 40 is above 95 %');
  node.pickers[0]!.release(1);
  t.false(node.pool.isFull('chat'));
  t.is(await node.told('fullness'), 1);
});

test('a raised limit serves those who wait', async (t) => {
  const node = new Node(topologyWith(1, queue));
  await node.ask(0, 1);
  await node.ask(1, 2);
  await node.ask(1, 3);
  node.apply(topologyWith(3, queue));
  node.configure();
  t.is(await node.outcome(2), 'c1');
  t.is(await node.outcome(3), 'c1');
});

test('clients that wait for a service that is removed are refused', async (t) => {
  const node = new Node(topologyWith(1, queue));
  await node.ask(0, 1);
  await node.ask(1, 2);
  node.apply(aTopology({ services: [] }));
  node.configure();
  t.is(await node.outcome(2), 'refused');
  t.is(await node.ask(1, 3), 'refused');
  t.is(node.clock.pending, 0, 'nobody looks for them any more');
});

test('a pick waits for the plan that belongs to the table, and gives up in time', async (t) => {
  const node = new Node(topologyWith(undefined, queue));
  node.apply(topologyWith(5, queue));
  t.is(await node.ask(0, 1), 'waits');
  t.is(await node.ask(1, 2), 'waits');
  node.pickers[0]!.configure(node.pool.plan);
  t.is(await node.outcome(1), 'c1');
  for (let passed = 0; passed < 3_100; passed += 100) node.clock.advance(100);
  t.is(await node.outcome(2), 'refused');
  t.is(node.pickers[1]!.stats.picksTimedOut, 1);
});

test('a lock that its holder keeps delays picks, and stops none', async (t) => {
  const node = new Node(topologyWith(undefined, queue));
  const stopped = new OwnerLock(node.table.words, node.table.lockAt, 3);
  t.true(stopped.try(0));
  t.is(await node.ask(0, 1), 'waits');
  for (let passed = 0; passed < 240; passed += 10) node.clock.advance(10);
  t.is(await node.outcome(1), 'waits');
  for (let passed = 0; passed < 20; passed += 10) node.clock.advance(10);
  t.is(await node.outcome(1), 'c1');
  t.is(node.pickers[0]!.stats.picksUnlocked, 1);
  node.pool.releaseAll(2);
  t.is(await node.ask(0, 2), 'c1', 'the worker is dead, its lock broken');
  t.is(node.pickers[0]!.stats.picksUnlocked, 1);
});

test('what the supervisor has begun to write is waited for', async (t) => {
  const node = new Node(topologyWith(undefined, queue));
  const supervisor = new OwnerLock(node.table.words, node.table.lockAt, supervisorToken);
  supervisor.take(0);
  await node.ask(0, 1);
  for (let passed = 0; passed < 1_000; passed += 50) node.clock.advance(50);
  t.is(await node.outcome(1), 'waits');
  supervisor.release();
  node.clock.advance(1);
  t.is(await node.outcome(1), 'c1');
});

test('a failed connect gives the place back and has the server looked at; a place nobody holds is counted', async (t) => {
  const node = new Node(topologyWith(1, { size: 0, timeoutMs: 5_000 }));
  await node.ask(0, 1);
  node.pickers[0]!.failed(1);
  t.is(await node.told('probe'), 1);
  t.is(await node.ask(1, 2), 'c1');
  node.pickers[0]!.release(1);
  t.is(node.pickers[0]!.stats.badReleases, 1);
});

test('what a supervisor that takes nothing is not told is counted, and does not pile up', async (t) => {
  const node = new Node(topologyWith(undefined, queue));
  const [picker] = node.pickers;
  for (let failures = 0; failures < 8_200; failures++) picker!.failed(1);
  t.is(picker!.stats.requestsDropped, 8);
  t.is(await node.told('probe'), 8_192);
  picker!.failed(1);
  t.is(await node.told('probe'), 1, 'what comes later is told again');
});
