/** The whole system on several hosts: one YAML and one key, a process per node, a thousand chatters. */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import type { ClusterStatus } from '../../node/index.ts';
import { startCluster, type Cluster, type ClusterSpec, type Entry } from '../cluster.ts';
import { createLab, probeLab, type Lab } from '../lab/index.ts';
import type { Teardown } from '../processes.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';
import { nodeStatus, statusOf, untilAgreed, untilCounted, untilState, viewsOf } from './cluster-view.ts';
import { RemoteSwarm } from './remote-swarm.ts';

const labTest = testUnless(probeLab());

const vip = { host: '10.79.0.1', port: 9000 };
const chatters = 1_000;

const hosts = {
  client: ['10.79.9.1', '10.79.9.2'],
  d1: [vip.host],
  b1: ['10.79.1.1'],
  b2: ['10.79.1.2'],
  b3: ['10.79.1.3'],
  b4: ['10.79.1.4'],
  c1: ['10.79.2.1'],
  c2: ['10.79.2.2'],
  c3: ['10.79.2.3'],
  c4: ['10.79.2.4'],
};

const balancer = (number: number, more: Entry = {}): Entry => ({
  host: `10.79.1.${number}`,
  workers: 1,
  ...more,
});
const chatserver = (number: number, more: Entry = {}): Entry => ({
  address: `10.79.2.${number}:7000`,
  ...more,
});

const first: ClusterSpec = {
  // A test machine may be slow: nobody is given up on while it waits.
  settings: { heartbeat: { deadAfter: '5m' } },
  services: { chat: { listen: `${vip.host}:${vip.port}` } },
  directors: { d1: { host: vip.host } },
  balancers: { b1: balancer(1), b2: balancer(2), b3: balancer(3) },
  chatservers: { c1: chatserver(1), c2: chatserver(2), c3: chatserver(3) },
};

interface Running {
  readonly lab: Lab;
  readonly cluster: Cluster;
  /** A new swarm on the client's host. */
  swarm(): Promise<RemoteSwarm>;
}

async function startHosts(t: Teardown, spec: ClusterSpec): Promise<Running> {
  const lab = await createLab(t, { hosts });
  const cluster = await startCluster(t, spec, (name, argv, options) => lab.spawn(name, argv, options));
  for (const name of [...Object.keys(spec.balancers), ...Object.keys(spec.chatservers)])
    await untilState(cluster, name, 'up');
  const swarm = (): Promise<RemoteSwarm> =>
    RemoteSwarm.start((argv, options) => lab.spawn('client', argv, options));
  return { lab, cluster, swarm };
}

/** More chatters come, are counted where they land, and leave. */
async function newcomers(running: Running, prefix: string): Promise<ClusterStatus> {
  const swarm = await running.swarm();
  await swarm.order({ do: 'open', ...vip, chatters: 60, speakers: 1, prefix });
  const status = await untilCounted(running.cluster);
  await swarm.order({ do: 'close' });
  await swarm.program.exited;
  return status;
}

labTest(
  'a thousand chatters on several hosts lose nothing through any change, and only their own balancer when it dies',
  async (t) => {
    t.timeout(240_000);
    const running = await startHosts(t, first);
    const { cluster } = running;
    const crowd = await running.swarm();
    await crowd.order({
      do: 'open',
      ...vip,
      chatters,
      speakers: 4,
      localAddresses: hosts.client,
      atOnce: 100,
      timeoutMs: 60_000,
    });
    await crowd.order({ do: 'talk', everyMs: 1_000 });
    const before = await statusOf(cluster);
    t.is(nodeStatus(before, 'd1')?.connections, chatters);

    // A balancer is added.
    const added = { ...first, balancers: { ...first.balancers, b4: balancer(4) } };
    await cluster.rewrite(added);
    await cluster.start('b4');
    await untilState(cluster, 'b4', 'up');
    await untilAgreed(cluster);
    t.true((nodeStatus(await newcomers(running, 'guest'), 'b4')?.connections ?? 0) > 0, 'b4 takes new ones');

    // One is drained: it keeps what it has and gets nothing new.
    const drained = { ...added, balancers: { ...added.balancers, b2: balancer(2, { state: 'drain' }) } };
    await cluster.rewrite(drained);
    await until(async () => viewsOf(await statusOf(cluster), 'b2').every(({ draining }) => draining), {
      describe: 'the director to know that b2 drains',
    });
    await untilAgreed(cluster);
    const acceptedByB2 = nodeStatus(await untilCounted(cluster), 'b2')!.accepted;
    const whileDraining = nodeStatus(await newcomers(running, 'visitor'), 'b2')!;
    t.is(whileDraining.accepted, acceptedByB2);
    t.true(whileDraining.connections > 0, 'b2 keeps its connections');

    // A chat server is added and the weights change.
    const grown = {
      ...drained,
      balancers: { ...drained.balancers, b1: balancer(1, { weight: 3 }) },
      chatservers: { ...drained.chatservers, c4: chatserver(4), c1: chatserver(1, { weight: 5 }) },
    };
    await cluster.rewrite(grown);
    await cluster.start('c4');
    await untilState(cluster, 'c4', 'up');
    await untilAgreed(cluster);
    t.true(
      (nodeStatus(await newcomers(running, 'tourist'), 'c4')?.connections ?? 0) > 0,
      'c4 takes new ones',
    );

    // The file is broken and repaired.
    const { topology } = await statusOf(cluster);
    const good = await readFile(cluster.file, 'utf8');
    const director = cluster.node('d1');
    const from = director.nextLine;
    await appendFile(cluster.file, 'balancer: {}\n');
    await director.line(/unknown key|did you mean balancers/, { from });
    await director.line(/the changed topology is not used/, { from });
    t.is((await statusOf(cluster)).topology, topology);
    await writeFile(cluster.file, good);
    await director.line(/topology is unchanged/, { from });

    await crowd.order({ do: 'hush' });
    const calm = await crowd.order({ do: 'settled', timeoutMs: 60_000 });
    t.deepEqual(calm.problems, []);
    t.deepEqual(calm.lost, { expected: 0, unexpected: 0 });
    t.is(calm.connected, chatters);
    t.is(calm.heard, calm.said * (chatters - 1), 'everybody heard every message of the others once');

    // A balancer dies.
    const dying = nodeStatus(await untilCounted(cluster), 'b1')!.connections;
    t.true(dying > 0);
    await crowd.order({ do: 'expect-losses', expected: true });
    cluster.node('b1').signal('SIGKILL');
    await until(async () => (await crowd.order({ do: 'report' })).lost.expected === dying, {
      describe: `the ${dying} clients of b1 to see their connections end`,
    });
    await crowd.order({ do: 'all-connected', timeoutMs: 60_000 });
    const after = await crowd.order({ do: 'expect-losses', expected: false });
    t.is(after.lost.expected, dying, 'nobody else lost a connection');
    await untilState(cluster, 'b1', 'down');
    await crowd.order({ do: 'say', count: 1 });
    const last = await crowd.order({ do: 'settled', timeoutMs: 60_000 });
    t.deepEqual(last.problems, []);
    t.is(last.lost.unexpected, 0);
  },
);

labTest(
  'a host that falls silent is down after three misses, and up again with its connections alive',
  async (t) => {
    t.timeout(120_000);
    const running = await startHosts(t, first);
    const { lab, cluster } = running;
    const crowd = await running.swarm();
    await crowd.order({ do: 'open', ...vip, chatters: 60, speakers: 2 });
    t.true(nodeStatus(await untilCounted(cluster), 'b1')!.connections > 0);

    const from = cluster.node('d1').nextLine;
    await lab.cutOff('b1');
    await cluster.node('d1').line(/b1\S* is down: 3 misses/, { from });
    const guests = await running.swarm();
    await guests.order({ do: 'open', ...vip, chatters: 40, speakers: 1, prefix: 'guest' });
    await guests.order({ do: 'close' });
    await lab.heal('b1');
    await cluster.node('d1').line(/b1\S* is up/, { from });
    await crowd.order({ do: 'say', count: 1 });
    const report = await crowd.order({ do: 'settled', timeoutMs: 60_000 });
    t.deepEqual(report.problems, []);
    t.deepEqual(report.lost, { expected: 0, unexpected: 0 });
  },
);

labTest(
  'a stopped chat server is down after three misses, and its connections live on when it continues',
  async (t) => {
    t.timeout(120_000);
    const running = await startHosts(t, first);
    const { cluster } = running;
    const crowd = await running.swarm();
    await crowd.order({ do: 'open', ...vip, chatters: 30, speakers: 2 });

    const from = cluster.node('b1').nextLine;
    cluster.node('c2').signal('SIGSTOP');
    await cluster.node('b1').line(/c2\S* is down: 3 misses/, { from });
    await untilState(cluster, 'c2', 'down');
    // Nothing new goes there.
    const guests = await running.swarm();
    const seen = await guests.order({ do: 'open', ...vip, chatters: 30, speakers: 1, prefix: 'guest' });
    t.is(seen.servers['c2'], undefined);
    cluster.node('c2').signal('SIGCONT');
    await untilState(cluster, 'c2', 'up');
    await guests.order({ do: 'close' });
    await crowd.order({ do: 'say', count: 1 });
    const report = await crowd.order({ do: 'settled', timeoutMs: 60_000 });
    t.deepEqual(report.problems, []);
    t.deepEqual(report.lost, { expected: 0, unexpected: 0 });
  },
);
