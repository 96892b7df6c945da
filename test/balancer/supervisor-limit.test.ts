import test from 'ava';
import { connectControl } from '../../lib/control/index.ts';
import { Block, chatServers, key, running } from './running.ts';
import { until } from './until.ts';

/** What the balancer tells of the service chat when it is asked. */
async function asker(endpoint: {
  host: string;
  port: number;
}): Promise<{ state: () => Promise<string>; close: () => void }> {
  const connection = await connectControl({ endpoint, key, cluster: 'test', node: 'd1', timeoutMs: 5_000 });
  return {
    async state() {
      const reply = (await connection.request('heartbeat', { node: 'd1' }, 5_000)) as {
        services: Record<string, { state: string; connections: number }>;
      };
      return reply.services['chat']!.state;
    },
    close: () => connection.close(),
  };
}

test('at its limit the balancer says full and refuses with RST; with room again it says serving and serves', async (t) => {
  const block = new Block(40);
  await chatServers(t, block);
  const it = await running(t, block, block.topology({}, { workers: 1, maxConnections: 20 }));
  t.is(it.node.status().limit, 20);
  const endpoint = { host: block.balancer.host, port: 7400 };
  await it.control.listen(endpoint);
  const director = await asker(endpoint);
  t.teardown(() => director.close());
  t.is(await director.state(), 'serving');
  const clients = await it.greeted(20);
  await until('it says full', async () => (await director.state()) === 'full');
  const late = it.client();
  await until('a late one is refused', () => late.ended === 'reset');
  await until('that is counted', () => it.counter('refusedFull') === 1);
  clients[0]!.close();
  await until('one is gone', () => it.node.status().connections === 19);
  t.is(await director.state(), 'serving', '95 % of 20 is 19');
  t.is((await it.client().greeted()).ended, '');
});

test('the limit of the node is divided among its workers', async (t) => {
  const block = new Block(41);
  await chatServers(t, block);
  const it = await running(t, block, block.topology({}, { workers: 2, maxConnections: 31 }));
  t.is(it.node.status().limit, 30);
  t.truthy(it.log.find(({ msg }) => msg === 'carries up to 30 connections: 2 workers with 15 each'));
});
