/** The whole system on several hosts with a director that forwards packets in the kernel: IPv4 and IPv6, every mode. */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bpfAvailable } from '../../lib/linux/bpf/index.ts';
import type { ClusterStatus, NodeStatus } from '../../node/index.ts';
import { formatMoment } from '../../topology/index.ts';
import { headgate, startCluster, type Cluster, type ClusterSpec, type Entry } from '../cluster.ts';
import { labBpffsRoot } from '../director/xdp/lab-balancers.ts';
import { createLab, probeLab } from '../lab/index.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';
import { nodeStatus, statusOf, untilAgreed, untilState, viewsOf } from './cluster-view.ts';
import { RemoteSwarm } from './remote-swarm.ts';

const available = bpfAvailable();
const labTest = testUnless(available.available ? probeLab() : available.reason);

const vip = { host: '10.77.0.100', port: 9000 };
const vip6 = { host: 'fd77::100', port: 9006 };
const chatters = 1_000;

const hosts = {
  client: ['10.77.0.10', 'fd77::10'],
  d1: ['10.77.0.1', 'fd77::1', vip.host, vip6.host],
  b1: ['10.77.1.1', 'fd77::1:1'],
  b2: ['10.77.1.2', 'fd77::1:2'],
  b3: ['10.77.1.3', 'fd77::1:3'],
  c1: ['10.77.2.1'],
};

const balancer = (number: number, more: Entry = {}): Entry => ({
  host: `10.77.1.${number}`,
  workers: 1,
  ...more,
});

const first: ClusterSpec = {
  settings: {
    // What the proxy carries at the end need not be waited for.
    grace: '1s',
    heartbeat: { interval: '200ms', deadAfter: '5m' },
    flows: { capacity: 4_096, unconfirmed: 4_096 },
  },
  services: {
    chat: { listen: `${vip.host}:${vip.port}`, forwarding: 'proxy' },
    chat6: { listen: `[${vip6.host}]:${vip6.port}`, forwarding: 'dr' },
  },
  directors: { d1: { host: '10.77.0.1' } },
  balancers: { b1: balancer(1), b2: balancer(2) },
  chatservers: { c1: { address: '10.77.2.1:7000' } },
};

/** The file with other modes of the two services. */
function forwarded(spec: ClusterSpec, ...modes: readonly string[]): ClusterSpec {
  const services = Object.entries(spec.services).map(([name, service], index) => [
    name,
    { ...service, forwarding: modes[index] },
  ]);
  return { ...spec, services: Object.fromEntries(services) as ClusterSpec['services'] };
}

async function untilDirector(
  cluster: Cluster,
  describe: string,
  holds: (director: NodeStatus, status: ClusterStatus) => boolean,
  timeoutMs = 30_000,
): Promise<ClusterStatus> {
  const asked = async (): Promise<ClusterStatus> => {
    const status = await statusOf(cluster);
    const director = nodeStatus(status, 'd1');
    if (director !== undefined && holds(director, status)) return status;
    throw new Error(brief(status));
  };
  return until(asked, { describe, timeoutMs, everyMs: 50 });
}

/** What a test that waits for the impossible is told with. */
function brief(status: ClusterStatus): string {
  const nodes = status.nodes.map(({ node, status: own }) => [
    node,
    own?.connections,
    own?.forwarding?.planes.map(({ plane, flows }) => ({ plane, ...flows })),
    own?.forwarding?.services.map(({ mode }) => mode),
  ]);
  return JSON.stringify(nodes);
}

/** Of the two services, in the order of the file. */
async function untilModes(cluster: Cluster, ...modes: readonly string[]): Promise<void> {
  await untilAgreed(cluster);
  await untilDirector(
    cluster,
    `the modes ${modes.join(' and ')} to be in force`,
    ({ forwarding }) => forwarding?.services.map(({ mode }) => mode).join() === modes.join(),
  );
}

labTest(
  'a thousand chatters through the kernel, and others over IPv6, lose nothing through any change of nodes, modes and files and a killed director, and only their own balancer when it dies',
  async (t) => {
    t.timeout(240_000);
    const root = labBpffsRoot(t);
    const lab = await createLab(t, { hosts });
    // With nat the way back is through the director; what leaves from the VIP goes to the client directly.
    for (const host of ['b1', 'b2', 'b3']) {
      const from = `10.77.1.${host.slice(1)}`;
      await lab.exec(host, ['ip', 'rule', 'add', 'from', from, 'to', '10.77.0.10', 'lookup', '100']);
      await lab.exec(host, ['ip', 'route', 'add', 'default', 'via', '10.77.0.1', 'table', '100']);
    }
    const cluster = await startCluster(t, first, (name, argv, options) =>
      lab.spawn(name, argv, { ...options, env: { ...options.env, HEADGATE_BPFFS: root } }),
    );
    for (const name of ['b1', 'b2', 'c1']) await untilState(cluster, name, 'up');
    const crowd = await RemoteSwarm.start((argv, options) => lab.spawn('client', argv, options));
    const swarms = new Map([['crowd', { swarm: crowd, count: chatters }]]);
    /** More chatters come and stay. */
    const comers = async (prefix: string, to: typeof vip, count: number): Promise<void> => {
      const swarm = crowd.also(prefix);
      swarms.set(prefix, { swarm, count });
      await swarm.order({ do: 'open', ...to, chatters: count, speakers: 1, prefix });
    };
    const people = (): number => [...swarms.values()].reduce((sum, { count }) => sum + count, 0);
    // Who was in the accept queue of a killed balancer counts as a connection until it has been silent for a minute.
    const untilCounted = (): Promise<ClusterStatus> =>
      untilDirector(
        cluster,
        'everybody to be counted',
        ({ connections }) => connections === people(),
        90_000,
      );
    const untilConfirmed = (count: number): Promise<ClusterStatus> =>
      untilDirector(cluster, `${count} flows to be confirmed`, ({ forwarding }) =>
        (forwarding?.planes ?? []).some(({ flows }) => flows?.confirmed === count),
      );
    /** Everybody heard everything, and lost nothing. */
    const checkAll = async (): Promise<void> => {
      for (const [name, { swarm, count }] of swarms) {
        await swarm.order({ do: 'say', count: 1 });
        const report = await swarm.order({ do: 'settled', timeoutMs: 60_000 });
        t.deepEqual(report.problems, [], name);
        t.deepEqual(report.lost, { expected: 0, unexpected: 0 }, name);
        t.is(report.connected, count, name);
        t.is(report.heard, report.said * (count - 1), `${name}: everybody heard every message once`);
      }
    };

    // The kernel knows nothing of these yet: they get entries when the service leaves proxy.
    swarms.delete('crowd');
    await comers('proxied', vip, 20);
    let spec = forwarded(first, 'auto', 'dr');
    await cluster.rewrite(spec);
    await untilModes(cluster, 'dr', 'dr');
    // Until then the proxy takes what begins, and that would end with the director.
    await untilConfirmed(20);
    swarms.set('crowd', { swarm: crowd, count: chatters });
    await crowd.order({ do: 'open', ...vip, chatters, speakers: 2, prefix: 'crowd', atOnce: 100 });
    await crowd.order({ do: 'talk', everyMs: 1_000 });
    await comers('six', vip6, 20);

    // One is added, one drained, one weighs more.
    spec = {
      ...spec,
      balancers: { b1: balancer(1, { weight: 3 }), b2: balancer(2, { state: 'drain' }), b3: balancer(3) },
    };
    await cluster.rewrite(spec);
    await cluster.start('b3');
    await untilState(cluster, 'b3', 'up');
    await until(async () => viewsOf(await statusOf(cluster), 'b2').every(({ draining }) => draining), {
      describe: 'the director to know that b2 drains',
      everyMs: 50,
    });
    const before = nodeStatus(await untilCounted(), 'b2')!;
    await comers('guest', vip, 40);
    await comers('guest6-', vip6, 20);
    await untilCounted();
    const after = await untilDirector(
      cluster,
      'b3 to take new ones',
      (_, status) => (nodeStatus(status, 'b3')?.connections ?? 0) > 0,
    );
    t.is(nodeStatus(after, 'b2')!.accepted, before.accepted, 'b2 gets nothing new');

    // A service gets another name. Who came through the proxy would end with the director's process below.
    swarms.delete('proxied');
    await crowd.also('proxied').order({ do: 'close' });
    const { chat, chat6 } = spec.services;
    spec = { ...spec, services: { talk: chat!, chat6: chat6! } };
    await cluster.rewrite(spec);
    await untilModes(cluster, 'dr', 'dr');

    // b3 leaves the topology and keeps what it has.
    spec = { ...spec, balancers: { b1: balancer(1), b2: balancer(2) } };
    await cluster.rewrite(spec);
    const isLeaving = (_: NodeStatus, status: ClusterStatus): boolean => {
      const views = viewsOf(status, 'b3');
      return views.length > 0 && views.every(({ draining, connections }) => draining && connections > 0);
    };
    await untilDirector(cluster, 'b3 to be removed and still have connections', isLeaving);

    // The file is broken and repaired.
    const { topology } = await statusOf(cluster);
    const good = await readFile(cluster.file, 'utf8');
    let from = cluster.node('d1').nextLine;
    await appendFile(cluster.file, 'balancer: {}\n');
    await cluster.node('d1').line(/the changed topology is not used/, { from });
    t.is((await statusOf(cluster)).topology, topology);
    from = cluster.node('d1').nextLine;
    await writeFile(cluster.file, good);
    await cluster.node('d1').line(/topology is unchanged/, { from });

    // Nobody is there: packets and new connections go on, and the next process adopts flows and health.
    cluster.node('d1').signal('SIGKILL');
    await cluster.node('d1').exited;
    await comers('orphan', vip, 20);
    await comers('orphan6-', vip6, 10);
    const second = await cluster.start('d1');
    await comers('adopted', vip, 20);
    await second.line(/with the tables and flows of the earlier process/);
    await untilDirector(cluster, 'b3 to be leaving for the next process too', isLeaving);
    await untilCounted();

    for (const [chat, chat6] of [
      ['tun', 'tun'],
      ['nat', 'dr'],
      ['dr', 'tun'],
      ['proxy', 'proxy'],
      ['dr', 'dr'],
    ] as const) {
      spec = forwarded(spec, chat, chat6);
      await cluster.rewrite(spec);
      await untilModes(cluster, chat, chat6);
      await comers(`${chat}${swarms.size}-`, vip, 10);
      await comers(`six${chat6}${swarms.size}-`, vip6, 10);
    }
    await untilCounted();
    await untilConfirmed(people());
    await crowd.order({ do: 'hush' });
    await checkAll();

    const page = await readFile(join('docs', 'counters.md'), 'utf8');
    const sections = /## Director\n[^]*?## Director: the raw plane\n/.exec(page)?.[0] ?? '';
    const explainedCounters = [...sections.matchAll(/^\| `(\w+)`/gm)].map(([, counter]) => counter!);
    const counters = Object.keys(nodeStatus(await statusOf(cluster), 'd1')?.counters ?? {});
    t.deepEqual(explainedCounters.toSorted(), counters.toSorted(), 'docs/counters.md');
    const command = async (...args: string[]): Promise<string> => {
      const env = { ...cluster.env, HEADGATE_BPFFS: root };
      const { stdout, stderr } = await lab.exec('d1', [...headgate, ...args], { env });
      return stdout + stderr;
    };
    t.regex(await command('explain', '10.77.0.10:1'), /service talk \(10\.77\.0\.100:9000\), forwarding: dr/);

    // A balancer dies.
    const dying = nodeStatus(await statusOf(cluster), 'b1')!.connections;
    t.true(dying > 0);
    for (const { swarm } of swarms.values()) await swarm.order({ do: 'expect-losses', expected: true });
    cluster.node('b1').signal('SIGKILL');
    const losses = async (): Promise<number> => {
      let lost = 0;
      for (const { swarm } of swarms.values()) lost += (await swarm.order({ do: 'report' })).lost.expected;
      return lost;
    };
    const untilLost = async (count: number, describe: string): Promise<void> => {
      const lost = async (): Promise<true> => {
        const seen = await losses();
        if (seen === count) return true;
        throw new Error(`${seen} of ${count}: ${brief(await statusOf(cluster))}`);
      };
      await until(lost, { describe, timeoutMs: 40_000, everyMs: 50 });
    };
    await untilLost(dying, `the ${dying} clients of b1 to see their connections end`);
    for (const { swarm } of swarms.values()) await swarm.order({ do: 'all-connected', timeoutMs: 60_000 });
    t.is(await losses(), dying, 'nobody else lost a connection');

    // What goes through the proxy, or began while it was still leaving, would end with the director's process.
    const names = [...swarms.keys()];
    const proxied = names.slice(names.findIndex((name) => name.startsWith('proxy')));
    for (const name of proxied) {
      await swarms.get(name)!.swarm.order({ do: 'close' });
      swarms.delete(name);
    }
    const lostBefore = await losses();

    // The deadline of a drain is in the file: the next process leaves what b2 has alone until then …
    await cluster.start('b1');
    await untilState(cluster, 'b1', 'up');
    const drainB2 = async (untilMs: number): Promise<void> => {
      const state = { state: 'drain', drainUntil: formatMoment(untilMs) };
      spec = { ...spec, balancers: { b1: balancer(1), b2: balancer(2, state) } };
      await cluster.rewrite(spec);
    };
    const heldByB2 = async (): Promise<number> => nodeStatus(await untilCounted(), 'b2')!.connections;
    const killDirector = async (): Promise<void> => {
      cluster.node('d1').signal('SIGKILL');
      await cluster.node('d1').exited;
    };
    const held = await heldByB2();
    t.true(held > 0);
    await drainB2(Date.now() + 3_600_000);
    await until(async () => viewsOf(await statusOf(cluster), 'b2').every(({ draining }) => draining), {
      describe: 'the director to know that b2 drains again',
      everyMs: 50,
    });
    await killDirector();
    await cluster.start('d1');
    for (const name of ['b1', 'b2']) await untilState(cluster, name, 'up');
    t.is(await heldByB2(), held);
    // … and the one after that ends it, although the moment came while nobody was there.
    await killDirector();
    await drainB2(Date.now() - 1_000);
    await cluster.start('d1');
    await untilLost(lostBefore + held, 'the rest of b2 to be ended');
    for (const { swarm } of swarms.values()) await swarm.order({ do: 'all-connected', timeoutMs: 60_000 });
    t.is(await losses(), lostBefore + held, 'and nobody else');

    const detach = ['director', '--detach', '--topology', cluster.file, '--node', 'd1'];
    t.regex(await command(...detach), /director d1 runs, and what it forwards would end; stop d1 first/);
    for (const { swarm } of swarms.values()) await swarm.order({ do: 'say', count: 1 });
    for (const { swarm } of swarms.values()) await swarm.order({ do: 'settled', timeoutMs: 60_000 });
    t.is(await losses(), lostBefore + held, 'a director that runs is not detached');
    cluster.node('d1').signal('SIGTERM');
    await cluster.node('d1').exited;
    t.regex(await command(...detach), /are gone/);
    t.regex(await command(...detach), /nothing to remove/);
  },
);
