import test from 'ava';
import fc from 'fast-check';
import { PickTable } from '../../balancer/pick-table.ts';
import { UpstreamPool, upstreamKey } from '../../balancer/upstream-pool.ts';
import type { Upstream } from '../../balancer/upstream.ts';
import type { Endpoint } from '../../lib/address/index.ts';
import type { ServiceReadiness } from '../../lib/heartbeat/index.ts';
import { algorithms, type Algorithm, type ChatServer, type Topology } from '../../topology/index.ts';
import { aBalancing, aChatServer, aService, aTopology } from '../topology-fixture.ts';
import { health } from './health.ts';
import { client, clientNumber, seededRandom, tally } from './upstreams.ts';

const allUp = (key: string): ReturnType<typeof health> => health(key, 'up');

/** A pool over a table of its own; `clock.now` is its time. */
function newPool(clock: { now: number } = { now: 0 }): UpstreamPool {
  const workers = 4;
  const table = new PickTable(new ArrayBuffer(PickTable.bytes(workers)), workers);
  return new UpstreamPool({ table, random: seededRandom(1), now: () => clock.now });
}

/** The upstream picked, null for none. */
function pickOf(
  pool: UpstreamPool,
  worker: number,
  from: Endpoint,
  tried: readonly number[] = [],
): Upstream | null {
  const picked = pool.pick(worker, 'chat', from, tried);
  return typeof picked === 'string' ? null : picked;
}

function poolOf(topology: Topology, clock?: { now: number }): UpstreamPool {
  const pool = newPool(clock);
  pool.apply(topology);
  pool.refresh(allUp);
  return pool;
}

/** Names of the next `count` picks of worker 1 for the service chat. */
function picks(pool: UpstreamPool, count: number): string[] {
  return Array.from({ length: count }, () => pickOf(pool, 1, client)?.name ?? '-');
}

function connections(pool: UpstreamPool): Record<string, number> {
  return Object.fromEntries(
    pool.upstreams().map(({ upstream, connections: count }) => [upstream.key, count]),
  );
}

function withAlgorithm(algorithm: Algorithm): Topology {
  return aTopology({ services: [aService({ balancing: aBalancing({ algorithm }) })] });
}

for (const algorithm of ['round-robin', 'weighted-round-robin', 'least-connections'] as const) {
  test(`${algorithm} is exact over all workers together`, (t) => {
    const pool = poolOf(withAlgorithm(algorithm));
    const random = seededRandom(7);
    for (let turn = 0; turn < 3_000; turn++)
      pool.pick(Math.floor(random() * 4), 'chat', clientNumber(turn), []);
    t.deepEqual(Object.values(connections(pool)), [1_000, 1_000, 1_000]);
  });
}

test('nobody is picked before a first good beat, and for an unknown service', (t) => {
  const pool = newPool();
  pool.apply(aTopology());
  t.false(pool.canTake('chat'));
  t.is(pool.pick(1, 'chat', client, []), 'none');
  pool.refresh(allUp);
  t.true(pool.canTake('chat'));
  t.false(pool.canTake('other'));
  t.is(pool.pick(1, 'other', client, []), 'none');
});

test('a server that is down, drained, of weight 0 or not of the service gets nothing', (t) => {
  const pool = poolOf(
    aTopology({
      services: [aService({ chatservers: ['c1', 'c2', 'c3', 'c5'] })],
      chatservers: [
        aChatServer(1),
        aChatServer(2, { state: 'drain' }),
        aChatServer(3, { weight: 0 }),
        aChatServer(4),
        aChatServer(5),
      ],
    }),
  );
  pool.refresh((key) => health(key, key.startsWith('c5') ? 'down' : 'up'));
  t.deepEqual(new Set(picks(pool, 10)), new Set(['c1']));
});

for (const readiness of ['full', 'draining', 'no-upstream'] as const) {
  test(`a server that says ${readiness} gets new connections only when no other can take them`, (t) => {
    const pool = poolOf(aTopology());
    const say = (names: string[], state: ServiceReadiness): void =>
      pool.refresh((key) => health(key, 'up', { chat: names.includes(key.slice(0, 2)) ? state : 'serving' }));
    say(['c1', 'c2'], readiness);
    t.deepEqual(new Set(picks(pool, 5)), new Set(['c3']));
    t.is(pickOf(pool, 1, client, [pool.upstreams()[2]!.upstream.id])?.name, 'c1', 'c3 was tried already');
    say(['c1', 'c2', 'c3'], readiness);
    t.deepEqual(tally(picks(pool, 6)), { c1: 2, c2: 2, c3: 2 });
  });
}

test('what a server says of another service does not matter', (t) => {
  const pool = poolOf(aTopology());
  pool.refresh((key) => health(key, 'up', { other: 'full' }));
  t.deepEqual(tally(picks(pool, 3)), { c1: 1, c2: 1, c3: 1 });
});

test('a server that was tried is not picked again for the same connection', (t) => {
  const pool = poolOf(aTopology());
  const tried: number[] = [];
  for (let left = 3; left > 0; left--) tried.push(pickOf(pool, 1, client, tried)!.id);
  t.is(new Set(tried).size, 3);
  t.is(pool.pick(1, 'chat', client, tried), 'none');
});

test('a server at its limit gets nothing until a place is free, and who finds no place is told that all are full', (t) => {
  const pool = poolOf(
    aTopology({
      services: [aService({ chatservers: ['c1', 'c2'] })],
      chatservers: [aChatServer(1, { maxConnections: 2 }), aChatServer(2, { maxConnections: 1 })],
    }),
  );
  t.deepEqual(tally(picks(pool, 3)), { c1: 2, c2: 1 });
  t.is(pool.pick(2, 'chat', client, []), 'full');
  pool.reviewFull();
  t.true(pool.isFull('chat'));
  t.true(pool.canTake('chat'), 'they live');
  const [, second] = pool.upstreams();
  pool.release(1, second!.upstream.id);
  t.deepEqual(picks(pool, 1), ['c2']);
});

test('a changed limit counts the connections that are there', (t) => {
  const limitedTo = (maxConnections: number | undefined): Topology =>
    aTopology({
      services: [aService({ chatservers: ['c1'] })],
      chatservers: [aChatServer(1, { maxConnections })],
    });
  const pool = poolOf(limitedTo(undefined));
  picks(pool, 3);
  pool.apply(limitedTo(3));
  t.is(pool.pick(1, 'chat', client, []), 'full');
  pool.apply(limitedTo(4));
  t.deepEqual(picks(pool, 1), ['c1']);
});

test('a dead worker gives back the places that a limit counts', (t) => {
  const pool = poolOf(
    aTopology({
      services: [aService({ chatservers: ['c1'] })],
      chatservers: [aChatServer(1, { maxConnections: 2 })],
    }),
  );
  pool.pick(0, 'chat', client, []);
  pool.pick(1, 'chat', client, []);
  pool.releaseAll(0);
  t.deepEqual(picks(pool, 1), ['c1']);
  t.is(pool.pick(1, 'chat', client, []), 'full');
});

test('a backup is used only while no other server can be, keeps what it has, and backups take turns', (t) => {
  const pool = poolOf(
    aTopology({
      services: [aService({ chatservers: ['c1', 'c2', 'c3', 'c4'] })],
      chatservers: [
        aChatServer(1, { maxConnections: 4 }),
        aChatServer(2),
        aChatServer(3, { backup: true }),
        aChatServer(4, { backup: true }),
      ],
    }),
  );
  const down = (...names: string[]): void =>
    pool.refresh((key) => health(key, names.includes(key.slice(0, 2)) ? 'down' : 'up'));
  t.deepEqual(tally(picks(pool, 4)), { c1: 2, c2: 2 });
  down('c2');
  t.deepEqual(tally(picks(pool, 2)), { c1: 2 });
  t.is(pool.pick(1, 'chat', client, []), 'full', 'a server at its limit is no reason for a backup');
  down('c1', 'c2');
  t.deepEqual(tally(picks(pool, 4)), { c3: 2, c4: 2 });
  down();
  t.deepEqual(picks(pool, 1), ['c2']);
  t.deepEqual(Object.values(connections(pool)), [4, 3, 2, 2], 'nothing moved');
  const primaries = pool.upstreams().slice(0, 2);
  t.is(
    pickOf(
      pool,
      1,
      client,
      primaries.map(({ upstream }) => upstream.id),
    )?.name,
    'c3',
    'both were tried for this connection',
  );
});

test('servers that say they drain or are full come after the backups that serve', (t) => {
  const pool = poolOf(
    aTopology({
      services: [aService({ chatservers: ['c1', 'c2'] })],
      chatservers: [aChatServer(1), aChatServer(2, { backup: true })],
    }),
  );
  const say = (first: ServiceReadiness, second: ServiceReadiness): void =>
    pool.refresh((key) => health(key, 'up', { chat: key.startsWith('c1') ? first : second }));
  say('full', 'serving');
  t.deepEqual(picks(pool, 1), ['c2']);
  say('full', 'draining');
  t.deepEqual(picks(pool, 1), ['c1']);
});

test('a server that came back or was added grows into its share', (t) => {
  const clock = { now: 0 };
  const services = [
    aService({ balancing: aBalancing({ algorithm: 'weighted-round-robin', slowStartMs: 10_000 }) }),
  ];
  const pool = poolOf(aTopology({ services }), clock);
  t.false(pool.isWarming, 'all were there from the start');
  pool.refresh((key) => health(key, key.startsWith('c3') ? 'down' : 'up'));
  clock.now = 20_000;
  pool.refresh(allUp);
  t.true(pool.isWarming);
  clock.now = 25_000;
  pool.refresh(allUp);
  t.deepEqual(tally(picks(pool, 50)), { c1: 20, c2: 20, c3: 10 });
  t.deepEqual(
    pool.upstreams().map(({ share }) => share),
    [100, 100, 50],
  );
  clock.now = 30_000;
  pool.refresh(allUp);
  t.false(pool.isWarming);
  const grown = aTopology({
    services: [{ ...services[0]!, chatservers: ['c1', 'c2', 'c3', 'c4'] }],
    chatservers: [1, 2, 3, 4].map((number) => aChatServer(number)),
  });
  pool.apply(grown);
  pool.refresh(allUp);
  t.is(pool.upstreams()[3]!.share, 1);
});

test('a reload keeps the counts of servers that stay, also when the algorithm changes', (t) => {
  const pool = poolOf(aTopology());
  picks(pool, 6);
  pool.apply(withAlgorithm('least-connections'));
  t.deepEqual(Object.values(connections(pool)), [2, 2, 2]);
  pool.release(1, pool.upstreams()[1]!.upstream.id);
  t.deepEqual(picks(pool, 1), ['c2'], 'the new algorithm knows the old connections');
});

test('a removed server gets nothing new, is shown as draining, and forgotten with its last connection', (t) => {
  const pool = poolOf(aTopology());
  picks(pool, 3);
  const { upstream } = pool.upstreams()[0]!;
  pool.apply(aTopology({ chatservers: [aChatServer(2), aChatServer(3)] }));
  t.false(picks(pool, 4).includes('c1'));
  t.like(pool.upstreams()[0], { removed: true, draining: true, connections: 1 });
  t.false(pool.sweep());
  t.true(pool.release(1, upstream.id));
  t.true(pool.sweep());
  t.deepEqual(
    pool.upstreams().map(({ upstream: { name } }) => name),
    ['c2', 'c3'],
  );
});

test('a server that moved is a new one beside the old one, and one that returns is the old one again', (t) => {
  const pool = poolOf(aTopology());
  picks(pool, 3);
  const before = pool.upstreams()[0]!.upstream;
  const moved = aChatServer(1, { address: { host: '127.50.2.9', port: 7000 } });
  pool.apply(aTopology({ chatservers: [moved, aChatServer(2), aChatServer(3)] }));
  const keys = pool.upstreams().map(({ upstream }) => upstream.key);
  t.deepEqual(
    keys.filter((key) => key.startsWith('c1')),
    [before.key, upstreamKey(moved)],
  );
  pool.apply(aTopology());
  t.is(pool.upstreams().find(({ upstream }) => upstream.key === before.key)?.upstream.id, before.id);
  t.is(connections(pool)[before.key], 1);
});

test('a dead worker gives back its places and no others', (t) => {
  const pool = poolOf(aTopology());
  for (let turn = 0; turn < 6; turn++) pool.pick(turn % 2, 'chat', client, []);
  pool.releaseAll(0);
  t.deepEqual(Object.values(connections(pool)), [1, 1, 1]);
  t.false(pool.release(0, 1), 'it holds nothing any more');
});

/** What may happen to a pool, in any order. */
const actions = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('pick' as const), worker: fc.nat(3), seed: fc.nat(50) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('release' as const), worker: fc.nat(3), upstream: fc.nat(9) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('worker gone' as const), worker: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('reload' as const),
      algorithm: fc.constantFrom(...algorithms),
      weights: fc.array(fc.integer({ min: -1, max: 3 }), { minLength: 5, maxLength: 5 }),
      drained: fc.nat(31),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('health' as const), up: fc.nat(31), full: fc.nat(31) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('sweep' as const) }) },
);

test('over any sequence of picks, releases, worker deaths, reloads and health the counts equal a naive model', (t) => {
  fc.assert(
    fc.property(fc.array(actions, { minLength: 50, maxLength: 200, size: 'max' }), (sequence) => {
      const pool = newPool();
      let servers: ChatServer[] = [];
      let up = 31;
      let full = 0;
      /** Every place held, as [worker, id, key]. */
      let held: [worker: number, id: number, key: string][] = [];
      for (const action of sequence) {
        if (action.kind === 'pick') {
          const tried = held.slice(0, action.seed % 3).map(([, id]) => id);
          const picked = pickOf(pool, action.worker, clientNumber(action.seed), tried);
          if (picked === null) continue;
          held.push([action.worker, picked.id, picked.key]);
          const number = Number(picked.name.slice(1));
          const server = servers.find((one) => upstreamKey(one) === picked.key)!;
          t.true(server.state === 'active' && server.weight > 0, 'only configured servers are picked');
          t.truthy(up & (1 << (number - 1)), 'only living ones');
          t.false(tried.includes(picked.id));
        } else if (action.kind === 'release') {
          const at = held.findIndex(([worker, id]) => worker === action.worker && id === action.upstream);
          t.is(pool.release(action.worker, action.upstream), at >= 0);
          if (at >= 0) held.splice(at, 1);
        } else if (action.kind === 'worker gone') {
          pool.releaseAll(action.worker);
          held = held.filter(([worker]) => worker !== action.worker);
        } else if (action.kind === 'reload') {
          servers = action.weights.flatMap((weight, index) => {
            const state = action.drained & (1 << index) ? 'drain' : 'active';
            return weight < 0 ? [] : aChatServer(index + 1, { weight, state });
          });
          const names = servers.map(({ name }) => name);
          const { algorithm } = action;
          pool.apply(
            aTopology({
              services: [aService({ balancing: aBalancing({ algorithm }), chatservers: names })],
              chatservers: servers,
            }),
          );
        } else if (action.kind === 'health') {
          ({ up, full } = action);
        } else pool.sweep();
        pool.refresh((key) => {
          const bit = 1 << (Number(key[1]) - 1);
          return health(key, up & bit ? 'up' : 'down', { chat: full & bit ? 'full' : 'serving' });
        });
        const counts = tally(held.map(([, , key]) => key));
        const shown = Object.entries(connections(pool)).filter(([, count]) => count !== 0);
        t.deepEqual(Object.fromEntries(shown), counts);
        for (const worker of [0, 1, 2, 3]) {
          const mine = tally(held.filter(([one]) => one === worker).map(([, id]) => String(id)));
          t.deepEqual(Object.fromEntries(pool.heldBy(worker)), mine);
        }
      }
    }),
    { numRuns: 50 },
  );
});
