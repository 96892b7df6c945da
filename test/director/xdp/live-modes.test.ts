/** Whole cluster in a lab: the mode of a service changes while people stay connected; balancers prepare their own hosts. */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ExecutionContext } from 'ava';
import { bpfAvailable, mountBpffs, unmountBpffs } from '../../../lib/linux/bpf/index.ts';
import { startCluster, type Cluster, type ClusterSpec } from '../../cluster.ts';
import { createLab, probeLab } from '../../lab/index.ts';
import { ownNamespaces, temporaryDirectory } from '../../lib/linux/bpf/own-namespaces.ts';
import { nodeStatus, statusOf, untilState } from '../../system/cluster-view.ts';
import { RemoteSwarm } from '../../system/remote-swarm.ts';
import { testUnless } from '../../test-unless.ts';
import { until } from '../../until.ts';

const available = bpfAvailable();
const labTest = testUnless(available.available ? probeLab() : available.reason);

const vip = { host: '10.77.0.100', port: 9000 };

/** A bpf file system that all hosts see; pins live as long as it. */
function bpffs(t: ExecutionContext): string {
  const answer = ownNamespaces();
  if (!answer.available) throw new Error(answer.reason);
  const root = temporaryDirectory();
  mountBpffs(root);
  t.teardown(() => {
    unmountBpffs(root);
    rmSync(dirname(root), { recursive: true });
  });
  return root;
}

function spec(forwarding: string): ClusterSpec {
  return {
    settings: {
      heartbeat: { interval: '200ms', deadAfter: '5m' },
      flows: { capacity: 4_096, unconfirmed: 4_096 },
    },
    services: { chat: { listen: `${vip.host}:${vip.port}`, forwarding } },
    directors: { d1: { host: '10.77.0.1' } },
    balancers: { b1: { host: '10.77.1.1', workers: 1 }, b2: { host: '10.77.1.2', workers: 1 } },
    chatservers: { c1: { address: '10.77.2.1:7000' } },
  };
}

async function untilMode(cluster: Cluster, mode: string): Promise<void> {
  await until(
    async () => {
      const services = nodeStatus(await statusOf(cluster), 'd1')?.forwarding?.services ?? [];
      const answered = (await statusOf(cluster)).nodes.filter(({ status }) => status !== null);
      const hashes = new Set(answered.map(({ status }) => status?.topology));
      return hashes.size === 1 && services.some((service) => service.mode === mode);
    },
    { describe: `the mode ${mode} to be in force` },
  );
}

async function untilConfirmed(cluster: Cluster, least: number): Promise<void> {
  await until(
    async () => {
      const planes = nodeStatus(await statusOf(cluster), 'd1')?.forwarding?.planes ?? [];
      return planes.some(({ flows }) => (flows?.confirmed ?? 0) >= least);
    },
    { describe: `${least} flows to be confirmed` },
  );
}

labTest(
  'a service moves from proxy to auto, which becomes dr, to proxy, back, to tun and to nat under load: nobody established notices',
  async (t) => {
    t.timeout(120_000);
    const root = bpffs(t);
    const lab = await createLab(t, {
      hosts: {
        client: ['10.77.0.10'],
        d1: ['10.77.0.1', vip.host],
        b1: ['10.77.1.1'],
        b2: ['10.77.1.2'],
        c1: ['10.77.2.1'],
      },
    });
    // With nat the way back is through the director; what leaves from the VIP goes to the client directly.
    for (const host of ['b1', 'b2']) {
      const from = `10.77.1.${host.slice(1)}`;
      await lab.exec(host, ['ip', 'rule', 'add', 'from', from, 'to', '10.77.0.10', 'lookup', '100']);
      await lab.exec(host, ['ip', 'route', 'add', 'default', 'via', '10.77.0.1', 'table', '100']);
    }
    const cluster = await startCluster(t, spec('proxy'), (name, argv, options) =>
      lab.spawn(name, argv, { ...options, env: { ...options.env, HEADGATE_BPFFS: root } }),
    );
    for (const name of ['b1', 'b2', 'c1']) await untilState(cluster, name, 'up');
    await untilMode(cluster, 'proxy');

    const crowds: RemoteSwarm[] = [];
    let people = 0;
    const comers = async (prefix: string): Promise<void> => {
      const swarm = await RemoteSwarm.start((argv, options) => lab.spawn('client', argv, options));
      await swarm.order({ do: 'open', ...vip, chatters: 20, speakers: 2, prefix });
      await swarm.order({ do: 'talk', everyMs: 200 });
      crowds.push(swarm);
      people += 20;
    };
    // The kernel knows nothing of these yet: they get entries when the service leaves proxy.
    await comers('first');
    await cluster.rewrite(spec('auto'));
    await untilMode(cluster, 'dr');
    await comers('dr');
    await untilConfirmed(cluster, 40);
    for (const [mode, prefix] of [
      ['proxy', 'proxied'],
      ['dr', 'again'],
      ['tun', 'tunnel'],
      ['nat', 'translated'],
    ] as const) {
      await cluster.rewrite(spec(mode));
      await untilMode(cluster, mode);
      await comers(prefix);
      await until(async () => nodeStatus(await statusOf(cluster), 'd1')?.connections === people, {
        describe: `${people} connections to be counted`,
      });
    }
    for (const crowd of crowds) {
      await crowd.order({ do: 'hush' });
      const report = await crowd.order({ do: 'report' });
      t.deepEqual(report.lost, { expected: 0, unexpected: 0 });
      t.deepEqual(report.problems, []);
      t.is(report.connected, 20);
    }
  },
);
