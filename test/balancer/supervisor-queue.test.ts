import test from 'ava';
import type { Balancing, Topology } from '../../topology/index.ts';
import { aBalancing, aChatServer, aService } from '../topology-fixture.ts';
import { Director } from './director.ts';
import { alive, Block, chatServers, running } from './running.ts';
import { until } from './until.ts';

/** Three servers with room for `limit` connections each. */
function limited(block: Block, limit: number, queue: Balancing['queue'], workers: number): Topology {
  return block.topology(
    {
      services: [aService({ balancing: aBalancing({ queue }) })],
      chatservers: [1, 2, 3].map((index) =>
        aChatServer(index, { address: block.server(index), maxConnections: limit }),
      ),
    },
    { workers },
  );
}

test('servers at their limits have clients wait, over all workers; full is said when the queue is too, and a free place is used at once', async (t) => {
  const block = new Block(90);
  const servers = await chatServers(t, block);
  const it = await running(t, block, limited(block, 4, { size: 8, timeoutMs: 60_000 }, 3));
  const director = await Director.of(t, it);
  const clients = await it.greeted(12);
  t.deepEqual(
    servers.map(({ accepted }) => accepted),
    [4, 4, 4],
  );
  t.is(await director.readiness(), 'serving');
  const late = Array.from({ length: 8 }, () => it.client());
  await until('eight wait', () => it.node.status().waiting?.['chat'] === 8);
  await until('it announces full', () => director.announced.at(-1) === 'full');
  const refused = it.client();
  await until('one more is refused', () => refused.ended === 'reset');
  await until('and counted', () => it.counter('refusedNoPlace') === 1);
  clients[0]!.close();
  await until('one of them is served', () => late.filter(({ server }) => server !== '').length === 1);
  for (const client of clients.slice(1, 6)) client.close();
  await until('more of them are served', () => late.filter(({ server }) => server !== '').length === 6);
  t.is(await director.readiness(), 'serving');
  const places = it.node.status().watches.map((one) => `${one.connections} of ${one.maxConnections}`);
  t.deepEqual(places, ['4 of 4', '4 of 4', '4 of 4']);
  for (const client of clients.slice(6)) await client.echo('still here');
  t.is(it.counter('queued'), 8);
  t.is(it.counter('badReleases'), 0);
});

test('a client that waited in vain is refused and counted', async (t) => {
  const block = new Block(91);
  await chatServers(t, block);
  const it = await running(t, block, limited(block, 1, { size: 5, timeoutMs: 200 }, 2));
  await it.greeted(3);
  const late = it.client();
  await until('it is refused', () => late.ended === 'reset');
  await until('and counted', () => it.counter('queueTimeouts') === 1);
  t.is(it.counter('queued'), 1);
});

test('a worker that is killed gives its places to those who wait in others', async (t) => {
  const block = new Block(92);
  await chatServers(t, block);
  const it = await running(t, block, limited(block, 4, { size: 50, timeoutMs: 60_000 }, 2));
  await it.greeted(12);
  const late = Array.from({ length: 12 }, () => it.client());
  await until('they wait', () => it.node.status().waiting?.['chat'] === 12);
  await until('all are reported', () => it.node.status().connections === 24);
  const [doomed] = it.node.status().workers!.toSorted((one, other) => other.connections - one.connections);
  process.kill(doomed!.pid, 'SIGKILL');
  await until('it is gone', () => !alive(doomed!.pid));
  await until('some who waited elsewhere are served', () => late.some(({ server }) => server !== ''));
  await until('no place is left over while somebody waits', () => {
    const { waiting, watches } = it.node.status();
    const connections = watches.reduce((sum, one) => sum + one.connections, 0);
    return (waiting?.['chat'] ?? 0) === 0 || connections === 12;
  });
  t.is(it.counter('badReleases'), 0);
});

test('where the supervisor picks, limits hold too, nobody waits, and the spread is exact', async (t) => {
  const block = new Block(93);
  await chatServers(t, block);
  const topology = limited(block, 100, { size: 10, timeoutMs: 60_000 }, 3);
  const it = await running(t, block, topology, 3, Promise.resolve(), undefined, {
    sharing: false,
  });
  const director = await Director.of(t, it);
  await it.greeted(300);
  t.deepEqual(
    it.node.status().watches.map(({ connections }) => connections),
    [100, 100, 100],
  );
  const late = it.client();
  await until('it is refused', () => late.ended === 'reset');
  await until('and counted', () => it.counter('refusedNoPlace') === 1);
  t.is(await director.readiness(), 'full', 'a queue that nobody can use does not count');
});
