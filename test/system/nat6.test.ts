/** `nat` where everything is IPv6: real nodes on hosts, the answers through the director. */
import { bpfAvailable } from '../../lib/linux/bpf/index.ts';
import { startCluster } from '../cluster.ts';
import { labBpffsRoot } from '../director/xdp/lab-balancers.ts';
import { createLab, probeLab } from '../lab/index.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';
import { nodeStatus, statusOf, untilState } from './cluster-view.ts';
import { RemoteSwarm } from './remote-swarm.ts';

const available = bpfAvailable();
const labTest = testUnless(available.available ? probeLab() : available.reason);

const vip = { host: 'fd7a::100', port: 9000 };
const director = 'fd7a::1';
const client = 'fd7a::10';
const balancers = { b1: 'fd7a::1:1', b2: 'fd7a::1:2' } as const;
const server = 'fd7a::2:1';
const chatters = 40;

labTest('nat over IPv6: people chat through both balancers, also while the director is dead', async (t) => {
  t.timeout(120_000);
  const root = labBpffsRoot(t);
  const own = Object.fromEntries(Object.entries(balancers).map(([name, host]) => [name, [host]]));
  const lab = await createLab(t, {
    hosts: { client: [client], d1: [director, vip.host], c1: [server], ...own },
  });
  // The way back is through the director.
  for (const [name, host] of Object.entries(balancers)) {
    await lab.exec(name, ['ip', '-6', 'rule', 'add', 'from', host, 'to', client, 'lookup', '100']);
    await lab.exec(name, ['ip', '-6', 'route', 'add', 'default', 'via', director, 'table', '100']);
  }
  const cluster = await startCluster(
    t,
    {
      settings: { flows: { capacity: 4_096, unconfirmed: 4_096 } },
      services: { chat: { listen: `[${vip.host}]:${vip.port}`, forwarding: 'nat' } },
      directors: { d1: { host: director } },
      balancers: Object.fromEntries(
        Object.entries(balancers).map(([name, host]) => [name, { host, workers: 1 }]),
      ),
      chatservers: { c1: { address: `[${server}]:7000` } },
    },
    (name, argv, options) =>
      lab.spawn(name, argv, { ...options, env: { ...options.env, HEADGATE_BPFFS: root } }),
  );
  for (const name of ['b1', 'b2', 'c1']) await untilState(cluster, name, 'up');
  const crowd = await RemoteSwarm.start((argv, options) => lab.spawn('client', argv, options));
  await crowd.order({ do: 'open', ...vip, chatters, speakers: 2, prefix: 'six' });
  await crowd.order({ do: 'talk', everyMs: 500 });
  await until(
    async () => {
      const status = await statusOf(cluster);
      const planes = nodeStatus(status, 'd1')?.forwarding?.planes ?? [];
      const carried = ['b1', 'b2'].map((name) => nodeStatus(status, name)?.connections ?? 0);
      return carried.every((count) => count > 0) && planes.some(({ flows }) => flows?.confirmed === chatters);
    },
    { describe: 'both balancers to carry people, and every flow to be confirmed', everyMs: 50 },
  );
  cluster.node('d1').signal('SIGKILL');
  await cluster.node('d1').exited;
  await crowd.also('later').order({ do: 'open', ...vip, chatters: 10, speakers: 1, prefix: 'later' });
  await cluster.start('d1');
  await crowd.order({ do: 'hush' });
  for (const [swarm, count] of [
    [crowd, chatters],
    [crowd.also('later'), 10],
  ] as const) {
    await swarm.order({ do: 'say', count: 1 });
    const report = await swarm.order({ do: 'settled', timeoutMs: 30_000 });
    t.deepEqual(report.problems, []);
    t.deepEqual(report.lost, { expected: 0, unexpected: 0 });
    t.is(report.heard, report.said * (count - 1), 'everybody heard every message once');
  }
});
