import test from 'ava';
import { aBalancer } from '../topology-fixture.ts';
import { Director } from './director.ts';
import { Block, chatServers, running } from './running.ts';
import { until } from './until.ts';

test('drain says draining at once, then stops accepting, and ends with the last connection', async (t) => {
  const block = new Block(50);
  await chatServers(t, block);
  const it = await running(t, block, block.topology({}, { workers: 2 }));
  const director = await Director.of(t, it);
  t.is(await director.readiness(), 'serving');
  const clients = await it.greeted(4);
  let drained = false;
  const drain = it.node.drain().then(() => (drained = true));
  t.is(await director.readiness(), 'draining');
  t.is(director.announced.at(-1), 'draining');
  t.true(it.node.status().draining);
  await until('nobody is let in', async () => {
    const late = it.client();
    await until('the late one knows', () => late.server !== '' || late.ended !== '');
    return late.ended === 'ECONNREFUSED';
  });
  for (const client of clients) await client.echo('still here');
  t.false(drained);
  for (const client of it.clients) client.close();
  await drain;
  t.is(it.node.status().connections, 0);
  t.is(it.node.drain(), it.node.drain(), 'once is enough');
});

test('the balancer goes on accepting until its directors have been told that it drains', async (t) => {
  const block = new Block(51);
  await chatServers(t, block);
  // Two intervals are a minute: only the directors can end the wait.
  const heartbeat = { intervalMs: 30_000, misses: 3, rises: 1, deadAfterMs: 10_000 };
  let tell = (): void => {};
  const told = new Promise<void>((resolve) => (tell = resolve));
  const it = await running(t, block, block.topology({ heartbeat }), 3, told);
  const director = await Director.of(t, it);
  t.is(await director.readiness(), 'serving');
  const drain = it.node.drain();
  t.is(await director.readiness(), 'draining');
  for (let index = 0; index < 5; index++) t.is((await it.client().greeted()).ended, '');
  tell();
  await until('nobody is let in', async () => {
    const late = it.client();
    await until('the late one knows', () => late.server !== '' || late.ended !== '');
    return late.ended === 'ECONNREFUSED';
  });
  for (const client of it.clients) client.close();
  await drain;
});

test('close ends a pending drain', async (t) => {
  const block = new Block(52);
  await chatServers(t, block);
  const it = await running(t, block, block.topology());
  const client = await it.client().greeted();
  const drain = it.node.drain();
  await it.node.close();
  await drain;
  await until('the client is told', () => client.ended !== '');
  t.is(client.ended, 'reset');
  t.deepEqual(it.node.status().workers, []);
});

test('drained by the topology it says draining, keeps listening and what it has, and comes back', async (t) => {
  const block = new Block(53);
  await chatServers(t, block);
  const it = await running(t, block, block.topology());
  const director = await Director.of(t, it);
  t.is(await director.readiness(), 'serving');
  const client = await it.client().greeted();
  const drained = block.topology({}, { state: 'drain' });
  await it.node.apply(drained);
  await until('it announces that', () => director.announced.at(-1) === 'draining');
  t.like(await director.reply(), { topology: drained.hash, connections: 1 });
  t.true(it.node.status().draining);
  await client.echo('still here');
  await it.client().greeted();
  await it.node.apply(block.topology());
  await until('it is back', () => director.announced.at(-1) === 'serving');
  t.false(it.node.status().draining);
});

test('a balancer that is no longer in the topology says that it drains and keeps what it has', async (t) => {
  const block = new Block(54);
  await chatServers(t, block);
  const it = await running(t, block, block.topology());
  const client = await it.client().greeted();
  const others = [aBalancer({ name: 'b2', host: '127.50.54.2' })];
  await it.node.apply(block.topology({ balancers: others }));
  t.true(it.node.status().draining);
  await client.echo('still here');
  // A director that does not know yet is served.
  await it.client().greeted();
  t.is(it.node.status().watches.length, 3);
  await it.node.apply(block.topology());
  t.false(it.node.status().draining);
});
