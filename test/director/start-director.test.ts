import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../lib/clock/index.ts';
import {
  connectControl,
  ControlKey,
  createControlServer,
  type BoundControlServer,
} from '../../lib/control/index.ts';
import { createResponder, type ServiceReadiness } from '../../lib/heartbeat/index.ts';
import { isHeadgateError } from '../../lib/errors/index.ts';
import type { TierNode } from '../../node/tier-node.ts';
import type { Balancer, Topology } from '../../topology/index.ts';
import { startDirector, type Explanation } from '../../director/index.ts';
import { balancer, service, silentLog, topology } from './fixtures.ts';
import { until } from '../until.ts';
import { Client, echoBalancer, freePort } from './loopback.ts';

const vip = '127.40.4.1';
const key = ControlKey.fromSecret(Buffer.from('a secret of this test only'));

/** A balancer as the director sees one: it echoes, and answers beats. */
interface LiveBalancer {
  readonly entry: Balancer;
  says(state: ServiceReadiness): void;
  kill(): Promise<void>;
}

async function liveBalancer(t: ExecutionContext, name: string, host: string): Promise<LiveBalancer> {
  const echo = await echoBalancer(name, host);
  const control = createControlServer({ key, cluster: 'test', node: name, log: silentLog });
  let state: ServiceReadiness = 'serving';
  const responder = createResponder({
    server: control,
    reply: () => ({ services: { chat: { state, connections: 0 } }, connections: 0, topology: 'hash' }),
    intervalMs: () => 100,
  });
  await control.listen({ host, port: 0 });
  const kill = async (): Promise<void> => {
    responder.close();
    await Promise.all([control.close(), echo.close()]);
  };
  t.teardown(kill);
  return {
    entry: balancer(name, { host, controlPort: control.endpoints()[0]!.port, ports: { chat: echo.port } }),
    says(next) {
      state = next;
      responder.announce();
    },
    kill,
  };
}

interface Running {
  readonly node: TierNode;
  readonly control: BoundControlServer;
  readonly connect: () => Client;
}

const settings = {
  heartbeat: { intervalMs: 100, misses: 3, rises: 2, deadAfterMs: 1_000 },
} satisfies Partial<Topology>;

async function run(t: ExecutionContext, of: Topology): Promise<Running> {
  const control = createControlServer({ key, cluster: 'test', node: 'd1', log: silentLog });
  t.teardown(() => control.close());
  const node = await startDirector({
    topology: of,
    node: 'd1',
    key,
    control,
    log: silentLog,
    logFormat: 'json',
    clock: systemClock,
  });
  t.teardown(() => node.close());
  await control.listen({ host: vip, port: 0 });
  const clients: Client[] = [];
  t.teardown(() => clients.forEach((client) => client.close()));
  const connect = (): Client => {
    const client = new Client(of.services[0]!.listen.port, vip);
    clients.push(client);
    return client;
  };
  return { node, control, connect };
}

const reached = (connect: () => Client, count: number): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, () => connect().balancer()));

/** Asks a director over its control port which balancers share the new connections. */
async function eligibleAt(t: ExecutionContext, control: BoundControlServer): Promise<() => Promise<string>> {
  const endpoint = control.endpoints()[0]!;
  const asking = await connectControl({ endpoint, key, cluster: 'test', node: 'cli', timeoutMs: 5_000 });
  t.teardown(() => asking.close());
  return async () => {
    const answer = await asking.request('explain', { client: '192.0.2.1:40000', service: 'chat' }, 5_000);
    const { explanations } = answer as unknown as { explanations: readonly Explanation[] };
    return explanations[0]!.eligible.map((one) => one.balancer).join();
  };
}

test('a director beats its balancers, sends clients to those that serve and follows the topology', async (t) => {
  const [one, two] = [await liveBalancer(t, 'b1', '127.40.5.1'), await liveBalancer(t, 'b2', '127.40.5.2')];
  const chat = service('chat', { listen: { host: vip, port: await freePort(vip) } });
  const { node, control, connect } = await run(t, topology([one.entry], [chat], settings));
  const eligible = await eligibleAt(t, control);
  await until(async () => (await eligible()) === 'b1', 'b1 to be eligible');
  const first = connect();
  t.is(await first.balancer(), 'b1');

  await node.apply(topology([one.entry, two.entry], [chat], settings));
  await until(async () => (await eligible()) === 'b1,b2', 'b2 to be eligible');
  t.deepEqual([...new Set(await reached(connect, 30))].sort(), ['b1', 'b2']);

  one.says('draining');
  await until(async () => (await eligible()) === 'b2', 'b1 not to be eligible');
  t.like(node.status().watches[0], { node: 'b1', state: 'up', services: { chat: 'draining' } });
  t.deepEqual([...new Set(await reached(connect, 10))], ['b2']);
  await first.echo('still on b1');
});

test('clients of a killed balancer are told, and the next go elsewhere', async (t) => {
  const [one, two] = [await liveBalancer(t, 'b1', '127.40.5.3'), await liveBalancer(t, 'b2', '127.40.5.4')];
  const chat = service('chat', { listen: { host: vip, port: await freePort(vip) } });
  const { node, control, connect } = await run(t, topology([one.entry, two.entry], [chat], settings));
  const eligible = await eligibleAt(t, control);
  await until(async () => (await eligible()) === 'b1,b2', 'both to be eligible');
  const clients = Array.from({ length: 20 }, connect);
  const before = await Promise.all(clients.map((client) => client.balancer()));
  await one.kill();
  const doomed = clients.filter((_, index) => before[index] === 'b1');
  await until(() => doomed.every(({ ended }) => ended !== ''), 'the clients of b1 to be told');
  t.deepEqual([...new Set(await reached(connect, 10))], ['b2']);
  await until(() => node.status().watches[0]!.state === 'down', 'b1 to be down');
  for (const client of clients) if (!doomed.includes(client)) await client.echo('unharmed');
});

test('a VIP that is taken is told with its cure, and nothing is left open', async (t) => {
  const taken = await echoBalancer('other', vip);
  t.teardown(() => taken.close());
  const chat = service('chat', { listen: { host: vip, port: taken.port } });
  const error = await t.throwsAsync(
    run(t, topology([balancer('b1', { host: '127.40.5.5' })], [chat], settings)),
  );
  t.true(isHeadgateError(error, 'HEADGATE_DIRECTOR_APPLY'));
  t.true(isHeadgateError(error?.cause, 'HEADGATE_RELAY_PORT_TAKEN'));
});
