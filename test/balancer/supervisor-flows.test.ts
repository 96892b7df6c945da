import test, { type ExecutionContext } from 'ava';
import type { HostParts } from '../../balancer/host-parts.ts';
import { wantedVips } from '../../balancer/vip-needs.ts';
import { formatEndpoint } from '../../lib/address/index.ts';
import { connectControl } from '../../lib/control/index.ts';
import { clientOfKey, flowKeyOf, ListedFlows, subscribeFlows } from '../../lib/flow-report/index.ts';
import type { HostWishes } from '../../lib/host-setup/index.ts';
import type { HeartbeatReply } from '../../lib/heartbeat/index.ts';
import type { Forwarding, Topology } from '../../topology/index.ts';
import { aService } from '../topology-fixture.ts';
import { Client } from './client.ts';
import { Block, chatServers, key, running, type Running } from './running.ts';
import { until } from './until.ts';

/** A host that has every VIP, as the loopback net does; notes what was asked of it. */
function host(failure?: Error): HostParts & { readonly asked: string[] } {
  const asked: string[] = [];
  const note = (what: string, { vips }: HostWishes): Promise<void> => {
    asked.push([what, ...vips.map(({ address, mode }) => `${address} ${mode}`)].join(' '));
    return failure === undefined ? Promise.resolve() : Promise.reject(failure);
  };
  return {
    asked,
    vips: wantedVips,
    checkHost: () => undefined,
    prepareHost: (wishes) =>
      note('prepare', wishes).then(() => ({
        takeLog: () => [],
        update: (now) => note('update', now),
        undo: () => Promise.resolve(void asked.push('undo')),
      })),
  };
}

function topology(block: Block, forwarding: Forwarding, workers = 1): Topology {
  return block.topology({ services: [aService({ listen: block.vip, forwarding })] }, { workers });
}

async function started(
  t: ExecutionContext,
  block: Block,
  running_: Topology,
  parts: HostParts = host(),
): Promise<Running> {
  await chatServers(t, block);
  const it = await running(t, block, running_, 3, undefined, parts);
  await it.control.listen({ host: block.balancer.host, port: 7400 });
  return it;
}

/** A director that holds what the balancer reports: `address:port` of each client that came to the VIP of the block. */
async function director(
  t: ExecutionContext,
  { block }: Running,
): Promise<{ held: Set<string>; reply(): Promise<HeartbeatReply>; close(): void }> {
  const endpoint = { host: block.balancer.host, port: 7400 };
  const connection = await connectControl({ endpoint, key, cluster: 'test', node: 'd1', timeoutMs: 5_000 });
  t.teardown(() => connection.close());
  const held = new Set<string>();
  const listed = new ListedFlows();
  const text = ({ address, port }: ReturnType<typeof clientOfKey>): string => `${address.join('.')}:${port}`;
  subscribeFlows(connection, {
    balancer: 'b1',
    onTrouble: (why) => t.fail(why),
    onReport(report) {
      if (report.service !== formatEndpoint(block.vip)) return;
      const byText = new Map(report.confirmed.map((client) => [text(client), flowKeyOf(client)]));
      for (const client of byText.keys()) held.add(client);
      for (const client of report.disowned) held.delete(text(client));
      const isListed = listed.take(report);
      if (isListed === undefined) return;
      for (const client of held) {
        const [address = '', port = ''] = client.split(':');
        const bytes = Uint8Array.from(address.split('.').map(Number));
        if (!isListed({ address: bytes, port: Number(port) })) held.delete(client);
      }
    },
  });
  return {
    held,
    reply: async () =>
      (await connection.request('heartbeat', { node: 'd1' }, 5_000)) as unknown as HeartbeatReply,
    close: () => connection.close(),
  };
}

/** A client without any header. */
async function plain(t: ExecutionContext, to: { host: string; port: number }, from: string): Promise<Client> {
  const client = new Client(to, { from, header: new Uint8Array() });
  t.teardown(() => client.close());
  return client.greeted();
}

function nameOf({ socket }: Client): string {
  return `${socket.localAddress}:${socket.localPort}`;
}

test('clients at the VIP are confirmed by their TCP end and disowned when they leave; a director that comes later hears of all', async (t) => {
  const block = new Block(80);
  const it = await started(t, block, topology(block, 'dr'));
  const d1 = await director(t, it);
  t.deepEqual((await d1.reply()).services['chat']!.takes, ['proxy', 'dr']);
  const first = await plain(t, block.vip, '127.50.80.101');
  const second = await plain(t, block.vip, '127.50.80.102');
  // One that came through a director's own socket is the director's to know.
  await it.client().greeted();
  const expected = [nameOf(first), nameOf(second)].sort();
  await until('both are confirmed', () => [...d1.held].sort().join() === expected.join());
  d1.close();
  first.close();
  const d2 = await director(t, it);
  await until('the other is confirmed anew', () => [...d2.held].join() === nameOf(second));
  second.close();
  await until('it is disowned', () => d2.held.size === 0);
  t.is(it.counter('flowListings'), 2);
  t.is(it.counter('flowBacklogsDropped'), 0);
  t.is(it.counter('flowsUnreported'), 0);
});

test('the clients of a worker that is killed are disowned, those of the others stay confirmed', async (t) => {
  const block = new Block(81);
  const it = await started(t, block, topology(block, 'dr', 2));
  const { held } = await director(t, it);
  const clients: Client[] = [];
  for (let from = 1; from <= 12; from++) clients.push(await plain(t, block.vip, `127.50.81.${100 + from}`));
  await until('all are confirmed', () => held.size === 12);
  await until('all are counted', () => it.node.status().connections === 12);
  const [busiest] = it.node.status().workers!.toSorted((one, other) => other.connections - one.connections);
  process.kill(busiest!.pid, 'SIGKILL');
  await until(
    'its clients are told',
    () => clients.filter(({ ended }) => ended !== '').length === busiest!.connections,
  );
  const left = clients.filter(({ ended }) => ended === '').map(nameOf);
  await until('they are disowned', () => [...held].sort().join() === left.sort().join());
  t.is(held.size, 12 - busiest!.connections);
});

test('with nat clients come to the own address as they are, and only directors need their header', async (t) => {
  const block = new Block(82);
  const it = await started(t, block, topology(block, 'nat'));
  const d1 = await director(t, it);
  t.deepEqual((await d1.reply()).services['chat']!.takes, ['proxy', 'nat']);
  const client = await plain(t, block.balancer, '127.50.82.101');
  await until('it is confirmed', () => [...d1.held].join() === nameOf(client));
  await it.client().greeted();
  const headless = it.client({ header: new Uint8Array() });
  await until('a director without a header is refused', () => headless.ended === 'reset');
  t.is(d1.held.size, 1);
});

test('a changed mode opens and closes listeners, and no connection notices', async (t) => {
  const block = new Block(83);
  const parts = host();
  const it = await started(t, block, topology(block, 'proxy'), parts);
  const d1 = await director(t, it);
  const takes = async (): Promise<string> => (await d1.reply()).services['chat']!.takes!.join();
  t.is(await takes(), 'proxy');
  const refused = new Client(block.vip, { from: '127.50.83.101' });
  await until('nobody listens at the VIP', () => refused.ended === 'ECONNREFUSED');
  const old = await it.client().greeted();
  await it.node.apply(topology(block, 'tun'));
  t.is(await takes(), 'proxy,dr,tun');
  const direct = await plain(t, block.vip, '127.50.83.101');
  await it.node.apply(topology(block, 'nat'));
  t.is(await takes(), 'proxy,dr,tun,nat', 'directors that do not know yet still send packets for the VIP');
  const natted = await plain(t, block.balancer, '127.50.83.102');
  await it.node.apply(topology(block, 'proxy'));
  await old.echo('the first');
  await direct.echo('the second');
  await natted.echo('the third');
  const late = new Client(block.balancer, { from: '127.50.83.103', header: new Uint8Array() });
  await until('plain clients are refused again', () => late.ended === 'reset');
  t.deepEqual(parts.asked, [`prepare ${block.vip.host} tun`], 'the VIP is kept');
  await it.node.close();
  t.deepEqual(parts.asked, [`prepare ${block.vip.host} tun`, 'undo']);
});

test('a service that gets another name, and leaves its VIP later, has the clients it had there until they leave', async (t) => {
  const block = new Block(65);
  const called = (name: string, listen = block.vip): Topology =>
    block.topology({ services: [aService({ name, listen, forwarding: 'dr' })] });
  const it = await started(t, block, called('chat'));
  const first = await plain(t, block.vip, '127.50.65.101');
  await it.node.apply(called('talk'));
  const second = await plain(t, block.vip, '127.50.65.102');
  const both = [nameOf(first), nameOf(second)].sort();
  const d1 = await director(t, it);
  await until('both are confirmed', () => [...d1.held].sort().join() === both.join());
  await first.echo('the first');
  const elsewhere = { ...block.vip, host: `127.50.${block.number}.201` };
  await it.node.apply(called('talk', elsewhere));
  const third = await plain(t, elsewhere, '127.50.65.103');
  const d2 = await director(t, it);
  await until('both are confirmed anew', () => [...d2.held].sort().join() === both.join());
  first.close();
  await until('it is disowned', () => d2.held.size === 1);
  await second.echo('the second');
  await third.echo('the third');
  t.deepEqual([...d2.held], [nameOf(second)]);
});

test('a host that cannot be prepared takes connections from directors only, and says why once', async (t) => {
  const block = new Block(84);
  const it = await started(t, block, topology(block, 'dr'), host(new Error('needs CAP_NET_ADMIN')));
  await it.node.apply(topology(block, 'tun'));
  const d1 = await director(t, it);
  t.deepEqual((await d1.reply()).services['chat']!.takes, ['proxy']);
  await it.client().greeted();
  const lines = it.log.filter(({ msg }) => String(msg).includes('CAP_NET_ADMIN'));
  t.deepEqual(
    lines.map(({ msg }) => msg),
    ['takes no packets for VIPs (dr, tun): needs CAP_NET_ADMIN'],
  );
});
