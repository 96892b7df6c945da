/** A balancer whose directors go on forwarding in another way than its file says. */
import test, { type ExecutionContext } from 'ava';
import type { HostParts } from '../../balancer/host-parts.ts';
import { wantedVips } from '../../balancer/vip-needs.ts';
import { formatEndpoint } from '../../lib/address/index.ts';
import type { Way } from '../../lib/heartbeat/index.ts';
import type { Forwarding } from '../../topology/index.ts';
import { aService } from '../topology-fixture.ts';
import { Client, type ClientOptions } from './client.ts';
import { Director } from './director.ts';
import { Block, chatServers, running } from './running.ts';
import { until } from './until.ts';

/** A host that has every VIP, as the loopback net does. */
const host: HostParts = {
  vips: wantedVips,
  checkHost: () => undefined,
  prepareHost: () =>
    Promise.resolve({
      takeLog: () => [],
      update: () => Promise.resolve(),
      undo: () => Promise.resolve(),
    }),
};

async function scene(t: ExecutionContext, number: number, first: Forwarding) {
  const block = new Block(number);
  const topology = (forwarding: Forwarding) =>
    block.topology({ services: [aService({ listen: block.vip, forwarding })] }, { workers: 1 });
  await chatServers(t, block);
  const it = await running(t, block, topology(first), 3, undefined, host);
  const director = await Director.of(t, it);
  /** Beats until the balancer takes these ways. */
  const untilTakes = (way: Way, ...takes: readonly Way[]) =>
    until(`it takes ${takes.join(' and ')}`, async () => {
      const { services } = await director.reply({ [formatEndpoint(block.vip)]: way });
      return services['chat']!.takes!.join() === takes.join();
    });
  const client = async (to: 'own' | 'vip', options?: ClientOptions): Promise<Client> => {
    const one = new Client(to === 'own' ? block.balancer : block.vip, options);
    t.teardown(() => one.close());
    return one.greeted();
  };
  const apply = (forwarding: Forwarding) => it.node.apply(topology(forwarding));
  return { block, it, untilTakes, client, apply };
}

const bare = { header: new Uint8Array() };

test('while a director still forwards by dr, clients at the VIP are served besides those of fullnat, and from another start on too', async (t) => {
  const { block, untilTakes, client, apply } = await scene(t, 77, 'dr');
  const stranger = { ...bare, from: `127.50.${block.number}.101` };
  await untilTakes('dr', 'proxy', 'dr');
  const first = await client('vip', stranger);
  await apply('fullnat');
  await untilTakes('dr', 'fullnat', 'dr');
  await client('vip', stranger);
  await client('own', bare);
  await first.echo('the first');

  // It never had another file.
  const fresh = await scene(t, 78, 'fullnat');
  await fresh.untilTakes('fullnat', 'fullnat');
  await fresh.untilTakes('dr', 'fullnat', 'dr');
  await fresh.client('vip', { ...bare, from: '127.50.74.101' });
  t.is(first.ended, '');
});

test('while a director still forwards by nat, clients come to the own address, and directors with fullnat as well', async (t) => {
  const { block, untilTakes, client, apply } = await scene(t, 75, 'nat');
  const stranger = { ...bare, from: `127.50.${block.number}.101` };
  await untilTakes('nat', 'proxy', 'nat');
  const first = await client('own', stranger);
  await apply('fullnat');
  await untilTakes('nat', 'fullnat', 'nat');
  await client('own', stranger);
  await client('own', bare);
  await apply('proxy');
  await untilTakes('nat', 'proxy', 'nat');
  await client('own', stranger);
  await client('own');
  await first.echo('the first');
  t.is(first.ended, '');
});

test("of proxy and fullnat the director's sockets get the one that it still needs, then that of the file", async (t) => {
  const { untilTakes, client, apply } = await scene(t, 76, 'fullnat');
  await untilTakes('fullnat', 'fullnat');
  const first = await client('own', bare);
  await apply('proxy');
  await untilTakes('fullnat', 'fullnat');
  await client('own', bare);
  await untilTakes('proxy', 'proxy');
  await client('own');
  await first.echo('the first');
  t.is(first.ended, '');
});
