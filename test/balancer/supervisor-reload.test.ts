import { createServer } from 'node:net';
import test from 'ava';
import { aBalancing, aChatServer, aService } from '../topology-fixture.ts';
import { Client } from './client.ts';
import { FakeChatServer } from './chat-server.ts';
import { Director } from './director.ts';
import { Block, chatServers, running } from './running.ts';
import { until } from './until.ts';

test('a changed algorithm, weight and list of servers cuts nobody, and the counts go on', async (t) => {
  const block = new Block(60);
  const servers = await chatServers(t, block, 4);
  const it = await running(t, block, block.topology({}, { workers: 2 }));
  const clients = await it.greeted(6);
  const names = ['c1', 'c2', 'c3', 'c4'];
  const chatservers = names.map((_, index) =>
    aChatServer(index + 1, { address: block.server(index + 1), weight: index + 1 }),
  );
  const services = [
    aService({ balancing: aBalancing({ algorithm: 'least-connections' }), chatservers: names }),
  ];
  await it.node.apply(block.topology({ services, chatservers }));
  await until('the new server is up', () => it.watched('c4').state === 'up');
  t.deepEqual(
    it.node.status().watches.map(({ connections }) => connections),
    [2, 2, 2, 0],
  );
  await it.greeted(3);
  t.is(
    servers[3]!.accepted,
    3,
    'least connections sends everybody to the newcomer, knowing what the others have',
  );
  for (const client of clients) await client.echo('still here');
});

test('a drained and a removed server get nothing new and keep what they have; the removed one is watched until then', async (t) => {
  const block = new Block(61);
  await chatServers(t, block);
  const it = await running(t, block, block.topology());
  const clients = await it.greeted(3);
  const chatservers = [
    aChatServer(1, { address: block.server(1), state: 'drain' }),
    aChatServer(3, { address: block.server(3) }),
  ];
  await it.node.apply(block.topology({ chatservers, services: [aService({ chatservers: ['c1', 'c3'] })] }));
  for (const client of await it.greeted(4)) t.is(client.server, 'c3');
  t.like(it.watched('c1'), { draining: true, connections: 1, state: 'up' });
  t.like(it.watched('c2'), { draining: true, connections: 1, state: 'up' });
  for (const client of clients) await client.echo('still here');
  for (const client of clients) client.close();
  await until('the removed one is forgotten', () => it.watched('c2') === undefined);
  t.like(it.watched('c1'), { connections: 0 });
});

test('a service that appears is listened for, one that vanishes is not, and its connections stay', async (t) => {
  const block = new Block(62);
  await chatServers(t, block);
  const it = await running(t, block, block.topology({}, { workers: 2 }));
  const client = await it.client().greeted();
  const irc = aService({ name: 'irc', listen: { host: '127.50.0.1', port: 9001 } });
  await it.node.apply(block.topology({ services: [aService(), irc] }, { workers: 2 }));
  const other = await new Client({ host: block.balancer.host, port: 9001 }).greeted();
  t.teardown(() => other.close());
  await it.node.apply(block.topology({ services: [irc] }, { workers: 2 }));
  const late = it.client();
  await until('the old port is closed', () => late.ended === 'ECONNREFUSED');
  await client.echo('still here');
  await other.echo('still here');
  t.is(it.node.status().connections, 2);
});

test('a listener that cannot be opened is logged once with the cure, everything else serves, and it opens when it can', async (t) => {
  const block = new Block(63);
  await chatServers(t, block);
  const it = await running(t, block, block.topology({}, { workers: 2 }));
  const director = await Director.of(t, it);
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(9001, block.balancer.host, resolve));
  t.teardown(() => squatter.close());
  const irc = aService({ name: 'irc', listen: { host: '127.50.0.1', port: 9001 } });
  await it.node.apply(block.topology({ services: [aService(), irc] }, { workers: 2 }));
  const told = it.log.filter(({ msg }) => String(msg).includes('127.50.63.1:9001'));
  t.is(told.length, 1);
  t.regex(String(told[0]!['msg']), /cannot listen on .*; end that process/);
  t.like(await director.reply(), { services: { chat: { state: 'serving' }, irc: { state: 'no-upstream' } } });
  await it.client().greeted();
  squatter.close();
  await until('it is tried again', async () => (await director.reply()).services['irc']?.state === 'serving');
});

test('a port of the node that is taken at the start is an error that says so', async (t) => {
  const block = new Block(64);
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(block.balancer.port, block.balancer.host, resolve));
  t.teardown(() => squatter.close());
  await t.throwsAsync(running(t, block, block.topology()), { code: 'HEADGATE_RELAY_PORT_TAKEN' });
});

test('an address that is not of this machine is an error that says so', async (t) => {
  const block = new Block(65);
  const topology = block.topology({}, { host: '192.0.2.1' });
  await t.throwsAsync(running(t, block, topology), { code: 'HEADGATE_RELAY_ADDRESS_NOT_LOCAL' });
});

test('a name that is not in the topology is an error that says so', async (t) => {
  const block = new Block(66);
  await t.throwsAsync(running(t, block, block.topology({ balancers: [] })), {
    code: 'HEADGATE_BALANCER_UNKNOWN',
  });
});

test('a director that is added may connect at once, one that was removed still may for a while', async (t) => {
  const block = new Block(67);
  await chatServers(t, block);
  const it = await running(t, block, block.topology());
  const from = '127.50.0.4';
  await it.node.apply(
    block.topology({ directors: [{ name: 'd2', host: from, interface: undefined, controlPort: 7400 }] }),
  );
  t.is((await it.client({ from }).greeted()).ended, '');
  t.is((await it.client().greeted()).ended, '');
});

test('a chat server that is added takes connections within a second of its listening', async (t) => {
  const block = new Block(68);
  await chatServers(t, block, 1);
  const first = aChatServer(1, { address: block.server(1) });
  const it = await running(
    t,
    block,
    block.topology({ chatservers: [first], services: [aService({ chatservers: ['c1'] })] }),
  );
  const second = aChatServer(2, { address: block.server(2) });
  await it.node.apply(
    block.topology({ chatservers: [first, second], services: [aService({ chatservers: ['c1', 'c2'] })] }),
  );
  t.is((await it.client().greeted()).server, 'c1');
  const server = await new FakeChatServer('c2', block.server(2)).open();
  t.teardown(() => server.close());
  await until('it is up', () => it.watched('c2').state === 'up');
  t.deepEqual((await it.greeted(2)).map((client) => client.server).sort(), ['c1', 'c2']);
});
