import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { encodeProxyHeader } from '../../../lib/proxy-protocol/index.ts';
import { createProxyPlane, type ForwardingPlane } from '../../../director/index.ts';
import type { Balancer, Topology } from '../../../topology/index.ts';
import { ManualClock } from '../../manual-clock.ts';
import { balancer, service, silentLog, table, topology, type TableState } from '../fixtures.ts';
import { until } from '../../until.ts';
import { Client, echoBalancer, nodeRelay, type EchoBalancer } from '../loopback.ts';

const vip = '127.40.2.1';
const directorHost = '127.40.2.2';

interface Setup {
  readonly plane: ForwardingPlane;
  readonly backends: readonly EchoBalancer[];
  readonly balancers: readonly Balancer[];
  readonly of: Topology;
  readonly clock: ManualClock;
  readonly failures: string[];
  readonly connect: () => Client;
}

const idOf = (name: string): string => `${name}@127.40.3.${name.slice(1)}`;
const chat = service('chat', { listen: { host: vip, port: 0 } });

async function setup(t: ExecutionContext, count: number): Promise<Setup> {
  const { createRelay, ports } = nodeRelay();
  const clock = new ManualClock();
  const failures: string[] = [];
  const clients: Client[] = [];
  const plane = createProxyPlane({
    host: directorHost,
    createRelay,
    limit: 500,
    preface: (source, destination) => encodeProxyHeader('v2', source, destination),
    onConnectFailure: (id) => failures.push(id),
    clock,
    random: () => 0.5,
    log: silentLog,
    resetsPerSecond: () => 100,
  });
  const names = Array.from({ length: count }, (_, index) => `b${index + 1}`);
  const backends = await Promise.all(names.map((name) => echoBalancer(name, `127.40.3.${name.slice(1)}`)));
  t.teardown(async () => {
    for (const client of clients) client.close();
    await plane.close();
    await Promise.all(backends.map((backend) => backend.close()));
  });
  const balancers = backends.map(({ name, host, port }) => balancer(name, { host, ports: { chat: port } }));
  const of = topology(balancers, [chat]);
  await plane.apply(table(of));
  const connect = (): Client => {
    const client = new Client(ports.get('chat')!, vip);
    clients.push(client);
    return client;
  };
  return { plane, backends, balancers, of, clock, failures, connect };
}

test('the balancer is told who the client is and what it connected to, and bytes pass both ways', async (t) => {
  const { backends, connect } = await setup(t, 1);
  const client = connect();
  t.is(await client.balancer(), 'b1');
  await client.echo('hello');
  t.deepEqual(backends[0]!.seen, [
    {
      source: { host: client.socket.localAddress!, port: client.socket.localPort! },
      destination: { host: vip, port: client.socket.remotePort! },
    },
  ]);
});

test('connections to balancers come from the director’s own address, which is the only one they accept', async (t) => {
  const { backends, connect } = await setup(t, 1);
  await connect().balancer();
  t.deepEqual(backends[0]!.peers, [directorHost]);
});

test('without an eligible balancer a client gets RST at once and is counted', async (t) => {
  const { plane, of, connect } = await setup(t, 1);
  await plane.apply(table(of, { health: { [idOf('b1')]: { state: 'down' } } }));
  t.is(await connect().end(), 'ECONNRESET');
  t.is(plane.stats().total.refusedNoBalancer, 1);
});

test('a client whose balancer refuses is served by the next one, and the refusing one is probed', async (t) => {
  const { plane, backends, failures, connect } = await setup(t, 2);
  await backends[0]!.close();
  const reached = await Promise.all(Array.from({ length: 30 }, () => connect().balancer()));
  t.true(reached.every((name) => name === 'b2'));
  t.true(failures.length > 0 && failures.every((id) => id === idOf('b1')));
  t.is(plane.stats().total.connections, 30);
});

test('clients of a dead balancer get RST at the given rate, others notice nothing', async (t) => {
  const { plane, of, clock, connect } = await setup(t, 2);
  const clients = Array.from({ length: 40 }, connect);
  const reached = await Promise.all(clients.map((client) => client.balancer()));
  const doomed = clients.filter((_, index) => reached[index] === 'b1');
  t.true(doomed.length >= 6);
  await plane.apply(table(of, { health: { [idOf('b1')]: { state: 'down', dead: true } } }));
  const told = (): number => doomed.filter(({ ended }) => ended === 'ECONNRESET').length;
  clock.advance(20);
  await until(() => told() === 2, 'two resets');
  clock.advance(20);
  await until(() => told() === 4, 'two more');
  clock.advance(1_000);
  await until(() => told() === doomed.length, 'the rest');
  for (const client of clients) if (!doomed.includes(client)) await client.echo('alive');
});

test('connections stay where they are through any changes of the table', async (t) => {
  const change = fc.record({
    state: fc.constantFrom('up', 'up', 'down', 'unknown'),
    wanted: fc.constantFrom('active', 'active', 'drain', 'removed'),
    weight: fc.constantFrom(0, 1, 7),
  });
  const steps = fc.array(fc.tuple(change, change, change), { minLength: 1, maxLength: 8 });
  const { plane, of, balancers, connect } = await setup(t, 3);
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (list, otherKey) => {
      await plane.apply(table(of));
      const living = new Map<Client, string>();
      for (let opened = 0; opened < 4; opened++) {
        const client = connect();
        living.set(client, await client.balancer());
      }
      for (const [index, changes] of list.entries()) {
        const kept = balancers.flatMap((one, at) => {
          const { wanted, weight } = changes[at]!;
          return wanted === 'removed' ? [] : [{ ...one, weight, state: wanted }];
        });
        const health: TableState['health'] = Object.fromEntries(
          balancers.map(({ name }, at) => [idOf(name), { state: changes[at]!.state }]),
        );
        const next = topology(kept, [{ ...chat, connectTimeoutMs: 1_000 + index }], {
          hashKey: (otherKey ? 'ab' : 'cd').repeat(16),
        });
        const applied = table(next, { health });
        await plane.apply(applied);
        const eligible = applied.services[0]!.owners.map(({ name }) => name);
        const client = connect();
        if (eligible.length === 0) {
          t.is(await client.end(), 'ECONNRESET');
          refused++;
        } else {
          const reached = await client.balancer();
          t.true(eligible.includes(reached), `${reached} is none of ${eligible.join()}`);
          living.set(client, reached);
        }
        await Promise.all([...living.keys()].map((one) => one.echo(`step ${index};`)));
      }
      for (const [client, name] of living) {
        t.true(client.read.startsWith(`${name}\n`));
        client.close();
      }
      await until(() => plane.stats().total.connections === 0, 'all connections gone');
    }),
    { numRuns: 12 },
  );
  t.is(plane.stats().total.refusedNoBalancer, refused);
});

test('draining refuses new clients and waits for the last established one', async (t) => {
  const { plane, connect } = await setup(t, 1);
  const client = connect();
  await client.balancer();
  let drained = false;
  const done = plane.drain().then(() => (drained = true));
  for (let refused = false; !refused;) {
    const late = connect();
    await until(() => late.ended !== '' || late.read !== '', 'a late client to be refused or served');
    refused = late.ended === 'ECONNREFUSED';
    late.close();
  }
  await client.echo('still here');
  t.false(drained);
  client.socket.end();
  await done;
  t.true(drained);
});
