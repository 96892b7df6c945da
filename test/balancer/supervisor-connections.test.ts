import test from 'ava';
import { encodeProxyHeader } from '../../lib/proxy-protocol/index.ts';
import { aService } from '../topology-fixture.ts';
import { Block, chatServers, running } from './running.ts';
import { until } from './until.ts';

const person = { host: '198.51.100.9', port: 4711 };
const vip = { host: '203.0.113.10', port: 9000 };

test('a refused connect goes on to the next server, the client notices nothing, and the server is asked at once', async (t) => {
  const block = new Block(30);
  const servers = await chatServers(t, block);
  // Beats are rare, so that only the refused connect can tell that c1 is gone.
  const heartbeat = { intervalMs: 60_000, misses: 3, rises: 1, deadAfterMs: 10_000 };
  const it = await running(t, block, block.topology({ heartbeat }));
  await servers[0]!.close();
  const clients = await it.greeted(3);
  t.deepEqual([...new Set(clients.map(({ server }) => server))].sort(), ['c2', 'c3']);
  await until('c1 is down', () => it.watched('c1').state === 'down');
  const [first] = clients;
  await first!.echo('hello again');
  t.is(first!.heard.slice(3), 'hello\nhello again\n');
  await until('the failure is counted', () => it.counter('connectFailures') >= 1);
  t.is(it.watched('c1').connections, 0, 'the place on it is given back');
});

test('without any server the client is refused with RST, counted, and served again when one is back', async (t) => {
  const block = new Block(31);
  const [server] = await chatServers(t, block, 1);
  const it = await running(t, block, block.topology({ services: [aService({ chatservers: ['c1'] })] }), 1);
  await server!.close();
  await until('it is down', () => it.watched('c1').state === 'down');
  const client = it.client();
  await until('it is refused', () => client.ended === 'reset');
  await until(
    'it is counted',
    () => it.counter('refusedNoDestination') === 1 && it.counter('picksWithoutUpstream') === 1,
  );
  await server!.open();
  await until('it is up', () => it.watched('c1').state === 'up');
  t.is((await it.client().greeted()).server, 'c1');
});

test('only directors may connect, and they must send a PROXY v2 header', async (t) => {
  const block = new Block(32);
  await chatServers(t, block);
  const it = await running(t, block, block.topology());
  const stranger = it.client({ from: '127.50.0.3' });
  await until('the stranger is refused', () => stranger.ended === 'reset');
  const headless = it.client({ header: Buffer.from('hello, here I am without a header\n') });
  await until('the headless one is refused', () => headless.ended === 'reset');
  const old = it.client({ header: encodeProxyHeader('v1', person, vip) });
  await until('so is version 1', () => old.ended === 'reset');
  await until('all are counted', () => it.counter('refusedPeer') === 1 && it.counter('refusedHeader') === 2);
  t.is((await it.client().greeted()).ended, '');
});

for (const version of ['v1', 'v2'] as const) {
  test(`with proxyProtocol.send ${version} the server is told who the client is`, async (t) => {
    const block = new Block(version === 'v1' ? 33 : 34);
    const servers = await chatServers(t, block, 1);
    const services = [aService({ chatservers: ['c1'], proxyProtocol: { accept: 'off', send: version } })];
    const it = await running(t, block, block.topology({ services }), 1);
    await it.client({ header: encodeProxyHeader('v2', person, vip) }).greeted();
    t.true(servers[0]!.openings[0]!.startsWith(encodeProxyHeader(version, person, vip).toString('latin1')));
  });
}

test('the header of what stands before headgate names the client', async (t) => {
  const block = new Block(35);
  const servers = await chatServers(t, block, 1);
  const services = [aService({ chatservers: ['c1'], proxyProtocol: { accept: 'v1', send: 'v1' } })];
  const it = await running(t, block, block.topology({ services }), 1);
  const front = { host: '192.0.2.80', port: 1_234 };
  const header = Buffer.concat([encodeProxyHeader('v2', front, vip), encodeProxyHeader('v1', person, vip)]);
  await it.client({ header }).greeted();
  t.is(servers[0]!.openings[0], `${encodeProxyHeader('v1', person, vip).toString('latin1')}hello\n`);
});

test('each connection that ends leaves one record', async (t) => {
  const block = new Block(36);
  await chatServers(t, block, 1);
  const it = await running(t, block, block.topology({ services: [aService({ chatservers: ['c1'] })] }), 1);
  const client = await it.client({ header: encodeProxyHeader('v2', person, vip) }).greeted();
  await until('it has heard all', () => client.heard === 'c1\nhello\n');
  client.socket.end();
  await until('there is a record', () => it.records.length === 1);
  const { durationMs, ...record } = it.records[0]!;
  t.true(Number.isInteger(durationMs));
  t.like(record, {
    msg: 'connection ended',
    level: 30,
    service: 'chat',
    client: '198.51.100.9:4711',
    server: 'c1',
    serverAddress: '127.50.36.11:7000',
    bytesUp: 6,
    bytesDown: 9,
    retries: 0,
    reason: 'finished',
  });
  const other = await it.client().greeted();
  other.socket.resetAndDestroy();
  await until('there is another', () => it.records.length === 2);
  t.is(it.records[1]!['reason'], 'client-reset');
});

test('clients of a server that is dead are told', async (t) => {
  const block = new Block(37);
  const servers = await chatServers(t, block);
  const heartbeat = { intervalMs: 100, misses: 3, rises: 1, deadAfterMs: 200 };
  const it = await running(t, block, block.topology({ heartbeat }));
  const clients = await it.greeted(6);
  // It only stops listening: its connections would live for ever.
  await servers[0]!.refuse();
  await until('its clients are told', () =>
    clients.every(({ server, ended }) => (server === 'c1') === (ended === 'reset')),
  );
  t.is(clients.filter(({ ended }) => ended !== '').length, 2);
  await until('the records say why', () => it.records.filter(({ reason }) => reason === 'dead').length === 2);
});
