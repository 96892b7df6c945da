import test from 'ava';
import { Director } from './director.ts';
import { Block, chatServers, running } from './running.ts';
import { until } from './until.ts';

test('at its limit the balancer says full and refuses with RST; with room again it says serving and serves', async (t) => {
  const block = new Block(40);
  await chatServers(t, block);
  const it = await running(t, block, block.topology({}, { workers: 1, maxConnections: 20 }));
  t.is(it.node.status().limit, 20);
  const director = await Director.of(t, it);
  t.is(await director.readiness(), 'serving');
  const clients = await it.greeted(20);
  await until('it announces full', () => director.announced.at(-1) === 'full');
  await until('all are told of', async () => {
    const { connections, services } = await director.reply();
    return connections === 20 && services['chat']?.connections === 20;
  });
  const late = it.client();
  await until('a late one is refused', () => late.ended === 'reset');
  await until('that is counted', () => it.counter('refusedFull') === 1);
  clients[0]!.close();
  await until('one is gone', () => it.node.status().connections === 19);
  t.is(await director.readiness(), 'serving', '95 % of 20 is 19');
  t.is((await it.client().greeted()).ended, '');
});

test('the limit of the node is divided among its workers', async (t) => {
  const block = new Block(41);
  await chatServers(t, block);
  const it = await running(t, block, block.topology({}, { workers: 2, maxConnections: 31 }));
  t.is(it.node.status().limit, 30);
  t.truthy(it.log.find(({ msg }) => msg === 'carries up to 30 connections: 2 workers with 15 each'));
});
