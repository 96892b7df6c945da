/** Picks of real processes at once, out of one table. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { PickTable } from '../../balancer/pick-table.ts';
import { UpstreamPool } from '../../balancer/upstream-pool.ts';
import { sharedMemoryAvailable } from '../../lib/linux/index.ts';
import { SharedMemory } from '../../lib/shared-memory/index.ts';
import type { Balancing, Topology } from '../../topology/index.ts';
import { testUnless } from '../test-unless.ts';
import { aBalancing, aChatServer, aService, aTopology } from '../topology-fixture.ts';
import { until } from '../until.ts';
import { health } from './health.ts';
import type { ToPickChild } from './pick-child.ts';
import { client, seededRandom } from './upstreams.ts';

const { available, reason } = sharedMemoryAvailable();
const sharedTest = testUnless(available ? undefined : reason);
const workers = 4;

class Picking {
  readonly pool: UpstreamPool;
  readonly table: PickTable;
  readonly children: ChildProcess[] = [];
  readonly #memory: SharedMemory;
  readonly #t: ExecutionContext;

  constructor(t: ExecutionContext) {
    this.#t = t;
    this.#memory = SharedMemory.create('headgate-test', PickTable.bytes(workers));
    t.teardown(() => this.#memory.close());
    this.table = new PickTable(this.#memory.buffer, workers);
    this.pool = new UpstreamPool({ table: this.table, random: seededRandom(1), now: () => 0 });
  }

  static async of(t: ExecutionContext, topology: Topology): Promise<Picking> {
    const it = new Picking(t);
    it.apply(topology);
    await Promise.all(Array.from({ length: workers }, (_, place) => it.start(place)));
    return it;
  }

  apply(topology: Topology): void {
    this.pool.apply(topology);
    this.pool.refresh((key) => health(key, 'up'));
  }

  /** Starts the process of a place; it has the plan then. */
  async start(place: number): Promise<void> {
    const program = fileURLToPath(new URL('./pick-child.js', import.meta.url));
    const started = fork(program, [String(place), String(workers)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', this.#memory.fd],
    });
    this.#t.teardown(() => void started.kill('SIGKILL'));
    await once(started, 'message');
    this.children[place] = started;
    await this.tellPlan(place);
  }

  async tellPlan(place: number): Promise<void> {
    const upstreams = this.pool
      .upstreams()
      .map(({ upstream: { id, key, name, endpoint }, row }) => ({ id, key, name, endpoint, row: row! }));
    const answer = once(this.children[place]!, 'message');
    this.#say(place, { plan: this.pool.plan, upstreams });
    await answer;
  }

  /** Each process picks `count` times, all at once; their counters summed. */
  async pickAtOnce(count: number, releaseEvery = 0): Promise<Record<string, number>> {
    const answers = this.children.map((one) => once(one, 'message'));
    for (const place of this.children.keys()) this.#say(place, { pick: count, releaseEvery });
    const total: Record<string, number> = {};
    for (const [stats] of await Promise.all(answers)) {
      for (const [name, value] of Object.entries(stats as Record<string, number>))
        total[name] = (total[name] ?? 0) + value;
    }
    return total;
  }

  pickForever(place: number): void {
    this.#say(place, { pick: 'forever', releaseEvery: 1 });
  }

  connections(): number[] {
    return this.pool.upstreams().map(({ connections }) => connections);
  }

  #say(place: number, message: ToPickChild): void {
    this.children[place]!.send(message);
  }
}

function topologyWith(balancing: Partial<Balancing>, weights = [1, 1, 1], limit?: number): Topology {
  return aTopology({
    services: [
      aService({
        balancing: aBalancing(balancing),
        chatservers: weights.map((_, index) => `c${index + 1}`),
      }),
    ],
    chatservers: weights.map((weight, index) => aChatServer(index + 1, { weight, maxConnections: limit })),
  });
}

for (const algorithm of ['round-robin', 'weighted-round-robin', 'least-connections'] as const) {
  sharedTest(`${algorithm} is exact over four processes that pick at the same time`, async (t) => {
    const weights = algorithm === 'round-robin' ? [1, 1, 1] : [1, 2, 3];
    const it = await Picking.of(t, topologyWith({ algorithm }, weights));
    const stats = await it.pickAtOnce(9_000);
    t.is(stats['picks'], 36_000);
    t.is(stats['picksUnlocked'], 0);
    const unit = 36_000 / weights.reduce((sum, weight) => sum + weight, 0);
    t.deepEqual(
      it.connections(),
      weights.map((weight) => weight * unit),
    );
  });
}

sharedTest('a limit is never exceeded by processes that pick and release at the same time', async (t) => {
  const it = await Picking.of(t, topologyWith({ algorithm: 'random-two' }, [1, 1, 1], 100));
  const stats = await it.pickAtOnce(4_000, 7);
  t.is(stats['badReleases'], 0);
  t.deepEqual(it.connections(), [100, 100, 100], 'and every place is taken in the end');
  const released = 4_000 * 4 - stats['refusedNoPlace']! - 300;
  t.true(released > 0, 'places were given back meanwhile');
});

sharedTest(
  'processes that are killed at any moment cost only their own connections, and the sequence goes on',
  async (t) => {
    const it = await Picking.of(t, topologyWith({ algorithm: 'weighted-round-robin' }));
    const random = seededRandom(4);
    for (const place of it.children.keys()) it.pickForever(place);
    for (let kill = 0; kill < 4; kill++) {
      const place = 1 + Math.floor(random() * (workers - 1));
      const moment = performance.now() + random() * 20;
      await until(() => performance.now() >= moment, { describe: 'a random moment' });
      const exited = once(it.children[place]!, 'exit');
      it.children[place]!.kill('SIGKILL');
      await exited;
      it.pool.releaseAll(place);
      t.deepEqual([...it.pool.heldBy(place)], []);
      const before = it.table.value(it.pool.plan.services[0]!.candidates[0]!.cell);
      await until(() => it.table.value(it.pool.plan.services[0]!.candidates[0]!.cell) !== before, {
        describe: 'the others go on picking',
      });
      await it.start(place);
      it.pickForever(place);
    }
    for (const [place, one] of it.children.entries()) {
      const exited = once(one, 'exit');
      one.kill('SIGKILL');
      await exited;
      it.pool.releaseAll(place);
    }
    t.deepEqual(it.connections(), [0, 0, 0]);
    const counts = [0, 0, 0];
    for (let turn = 0; turn < 300; turn++) {
      const picked = it.pool.pick(0, 'chat', client, []);
      if (typeof picked !== 'string') counts[picked.id - 1]!++;
    }
    for (const count of counts) t.true(Math.abs(count - 100) <= 6, `${counts.join()}: at most one per kill`);
  },
);

sharedTest(
  'a reload while processes pick keeps the counts, and nobody picks who is no more there',
  async (t) => {
    const it = await Picking.of(t, topologyWith({}));
    const done = it.pickAtOnce(3_000);
    await until(() => it.connections()[0]! > 100, { describe: 'they are at it' });
    it.apply(
      aTopology({
        services: [aService({ chatservers: ['c2', 'c3'] })],
        chatservers: [2, 3].map((n) => aChatServer(n)),
      }),
    );
    const gone = it.connections()[0]!;
    for (const place of it.children.keys()) {
      const { plan } = it.pool;
      const upstreams = it.pool
        .upstreams()
        .map(({ upstream: { id, key, name, endpoint }, row }) => ({ id, key, name, endpoint, row: row! }));
      it.children[place]!.send({ plan, upstreams });
    }
    await done;
    await until(() => it.connections().reduce((sum, count) => sum + count, 0) === 12_000, {
      describe: 'all have picked',
    });
    const [first, second, third] = it.connections();
    t.is(first, gone);
    t.true(Math.abs(second! - third!) <= 1, `${second} ${third}`);
  },
);
