import test from 'ava';
import fc from 'fast-check';
import { UpstreamPool, upstreamKey } from '../../balancer/upstream-pool.ts';
import type { ServiceReadiness } from '../../lib/heartbeat/index.ts';
import { algorithms, type Algorithm, type ChatServer, type Topology } from '../../topology/index.ts';
import { aBalancing, aChatServer, aService, aTopology } from '../topology-fixture.ts';
import { health } from './health.ts';
import { client, clientNumber, seededRandom, tally } from './upstreams.ts';

const allUp = (key: string): ReturnType<typeof health> => health(key, 'up');

function poolOf(topology: Topology): UpstreamPool {
  const pool = new UpstreamPool(seededRandom(1));
  pool.apply(topology);
  pool.refresh(allUp);
  return pool;
}

/** Names of the next `count` picks of worker 1 for the service chat. */
function picks(pool: UpstreamPool, count: number): string[] {
  return Array.from({ length: count }, () => pool.pick(1, 'chat', client, [])?.name ?? '-');
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
  const pool = new UpstreamPool(Math.random);
  pool.apply(aTopology());
  t.false(pool.canTake('chat'));
  t.is(pool.pick(1, 'chat', client, []), null);
  pool.refresh(allUp);
  t.true(pool.canTake('chat'));
  t.false(pool.canTake('other'));
  t.is(pool.pick(1, 'other', client, []), null);
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
    t.is(
      pool.pick(1, 'chat', client, [pool.upstreams()[2]!.upstream.id])?.name,
      'c1',
      'c3 was tried already',
    );
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
  for (let left = 3; left > 0; left--) tried.push(pool.pick(1, 'chat', client, tried)!.id);
  t.is(new Set(tried).size, 3);
  t.is(pool.pick(1, 'chat', client, tried), null);
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
      const pool = new UpstreamPool(seededRandom(1));
      let servers: ChatServer[] = [];
      let up = 31;
      let full = 0;
      /** Every place held, as [worker, id, key]. */
      let held: [worker: number, id: number, key: string][] = [];
      for (const action of sequence) {
        if (action.kind === 'pick') {
          const tried = held.slice(0, action.seed % 3).map(([, id]) => id);
          const picked = pool.pick(action.worker, 'chat', clientNumber(action.seed), tried);
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
