import test from 'ava';
import type { HostParts } from '../../balancer/host-parts.ts';
import type { PrepareHost } from '../../balancer/host-preparation.ts';
import { wantedVips } from '../../balancer/vip-needs.ts';
import { deferred } from '../../lib/deferred/index.ts';
import { aChatServer, aService } from '../topology-fixture.ts';
import { Client } from './client.ts';
import { Block, chatServers, running } from './running.ts';
import { until } from './until.ts';

/** A host that has every VIP, as the loopback net does. */
function hostParts(prepareHost: PrepareHost): HostParts {
  return { vips: wantedVips, checkHost: () => undefined, prepareHost };
}

test('while the host is prepared for a changed topology clients are served as before', async (t) => {
  const block = new Block(71);
  const servers = await chatServers(t, block, 4);
  const begun = deferred();
  const mayEnd = deferred();
  const host = hostParts(() =>
    Promise.resolve({
      takeLog: () => [],
      update() {
        begun.resolve();
        return mayEnd.promise;
      },
      undo: () => Promise.resolve(),
    }),
  );
  const it = await running(t, block, block.topology({}, { workers: 2 }), 3, undefined, host);
  t.teardown(() => mayEnd.resolve());
  await it.greeted(4);
  const names = ['c1', 'c2', 'c3', 'c4'];
  const changed = block.topology(
    {
      directors: ['127.50.0.2', '127.50.0.3'].map((address, index) => ({
        name: `d${index + 1}`,
        host: address,
        interface: undefined,
        controlPort: 7400,
      })),
      services: [aService({ chatservers: names })],
      chatservers: names.map((_, index) => aChatServer(index + 1, { address: block.server(index + 1) })),
    },
    { workers: 2 },
  );
  const applied = it.node.apply(changed);
  await begun.promise;
  await it.greeted(20);
  t.is(it.counter('picksTimedOut'), 0);
  mayEnd.resolve();
  await applied;
  await until('the new server is up', () => it.watched('c4').state === 'up');
  await it.greeted(8);
  t.true(servers[3]!.accepted > 0);
});

test('a host that could not be prepared is tried again, and its VIP is listened at then', async (t) => {
  const block = new Block(72);
  await chatServers(t, block);
  const free = deferred();
  let tries = 0;
  const host = hostParts(async () => {
    if (++tries === 1) throw new Error('busy for a moment');
    await free.promise;
    return { takeLog: () => [], update: () => Promise.resolve(), undo: () => Promise.resolve() };
  });
  const topology = block.topology({ services: [aService({ listen: block.vip, forwarding: 'dr' })] });
  const it = await running(t, block, topology, 3, undefined, host);
  t.teardown(() => free.resolve());
  await it.greeted(1);
  const atVip = async (): Promise<string> => {
    const client = new Client(block.vip, { header: new Uint8Array() });
    t.teardown(() => client.close());
    return (await client.greeted()).server;
  };
  await t.throwsAsync(atVip(), { message: /ECONNREFUSED/ });
  free.resolve();
  await until('it is listened at', async () => (await atVip()) !== '');
  t.is(tries, 2);
  t.deepEqual(
    it.log.map(({ msg }) => String(msg)).filter((msg) => msg.startsWith('takes ')),
    ['takes no packets for VIPs (dr, tun): busy for a moment', 'takes packets for VIPs (dr, tun) after all'],
  );
});
