import test from 'ava';
import type { Topology } from '../../topology/index.ts';
import { aBalancing, aChatServer, aService } from '../topology-fixture.ts';
import { Client } from './client.ts';
import { Block, chatServers, running } from './running.ts';
import { until } from './until.ts';

const heartbeat = { intervalMs: 100, misses: 3, rises: 1, deadAfterMs: 60_000 };

test('a backup serves only while the others are down, and keeps its connections when they return', async (t) => {
  const block = new Block(95);
  const servers = await chatServers(t, block);
  const chatservers = [1, 2, 3].map((index) =>
    aChatServer(index, { address: block.server(index), backup: index === 3 }),
  );
  const it = await running(t, block, block.topology({ heartbeat, chatservers }, { workers: 2 }));
  for (const client of await it.greeted(6)) t.not(client.server, 'c3');
  t.true(it.watched('c3').backup);
  for (const server of servers.slice(0, 2)) await server.refuse();
  await until('both are down', () => ['c1', 'c2'].every((name) => it.watched(name).state === 'down'));
  const refugees = await it.greeted(4);
  for (const client of refugees) t.is(client.server, 'c3');
  for (const server of servers.slice(0, 2)) await server.open();
  await until('both are up', () => ['c1', 'c2'].every((name) => it.watched(name).state === 'up'));
  for (const client of await it.greeted(4)) t.not(client.server, 'c3');
  for (const client of refugees) await client.echo('still here');
});

test('connections of a server that is down stay with onDown: keep, and end at once with close, service by service', async (t) => {
  const block = new Block(96);
  const servers = await chatServers(t, block);
  const irc = aService({
    name: 'irc',
    listen: { host: '127.50.0.1', port: 9001 },
    balancing: aBalancing({ onDown: 'close' }),
  });
  const it = await running(
    t,
    block,
    block.topology({ heartbeat, services: [aService(), irc] }, { workers: 2 }),
  );
  const keep = await it.greeted(6);
  const close = await Promise.all(
    Array.from({ length: 6 }, () => new Client({ host: block.balancer.host, port: 9001 }).greeted()),
  );
  t.teardown(() => close.forEach((client) => client.close()));
  await servers[0]!.refuse();
  await until('it is down', () => it.watched('c1').state === 'down');
  await until('its clients of the one service are told', () =>
    close.every(({ server, ended }) => ended === (server === 'c1' ? 'reset' : '')),
  );
  t.is(close.filter(({ ended }) => ended === 'reset').length, 2);
  t.false(it.watched('c1').dead);
  for (const client of keep) await client.echo('still here');
});

test('a server that comes back gets little at first, and its whole share when slow start is switched off', async (t) => {
  const block = new Block(97);
  const servers = await chatServers(t, block);
  const growing = (slowStartMs: number): Topology =>
    block.topology({ heartbeat, services: [aService({ balancing: aBalancing({ slowStartMs }) })] });
  const it = await running(t, block, growing(600_000));
  t.is(it.watched('c1').share, undefined, 'who was there from the start has its whole share');
  await servers[0]!.refuse();
  await until('it is down', () => it.watched('c1').state === 'down');
  await servers[0]!.open();
  await until('it is up and growing', () => (it.watched('c1').share ?? 100) < 100);
  const clients = await it.greeted(40);
  t.true(clients.filter(({ server }) => server === 'c1').length < 5, 'it gets next to nothing yet');
  await it.node.apply(growing(0));
  t.is(it.watched('c1').share, undefined, 'without slow start it has its whole share at once');
});
