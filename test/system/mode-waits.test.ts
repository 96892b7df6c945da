/** A change of mode that has to wait for connections, on several hosts: everybody is served all the while. */
import { whyNotRaw } from '../../director/raw/index.ts';
import { bpfAvailable } from '../../lib/linux/bpf/index.ts';
import { fileURLToPath } from 'node:url';
import { startCluster, type ClusterSpec, type Entry } from '../cluster.ts';
import { labBpffsRoot } from '../director/xdp/lab-balancers.ts';
import { createLab, probeLab } from '../lab/index.ts';
import { testUnless } from '../test-unless.ts';
import { nodeStatus, statusOf, untilAgreed, untilState, untilStatus } from './cluster-view.ts';
import { RemoteSwarm } from './remote-swarm.ts';

const available = bpfAvailable();
const labTest = testUnless(available.available ? (whyNotRaw() ?? probeLab()) : available.reason);
const visitorsMain = fileURLToPath(new URL('visitors-main.js', import.meta.url));
const vip = { host: '10.77.0.100', port: 9000 };

const balancer = (number: number): Entry => ({ host: `10.77.1.${number}`, workers: 1 });

function spec(forwarding: string, ...balancers: readonly number[]): ClusterSpec {
  return {
    settings: {
      grace: '1s',
      heartbeat: { interval: '200ms', deadAfter: '5m' },
      flows: { capacity: 4_096, unconfirmed: 4_096 },
    },
    services: { chat: { listen: `${vip.host}:${vip.port}`, forwarding } },
    directors: { d1: { host: '10.77.0.1' } },
    balancers: Object.fromEntries(balancers.map((number) => [`b${number}`, balancer(number)])),
    chatservers: { c1: { address: '10.77.2.1:7000' } },
  };
}

for (const mode of ['dr', 'nat']) {
  labTest(
    `from ${mode} to fullnat and back while people talk: the change waits for them, and new clients are served all the while, by a new balancer too`,
    async (t) => {
      t.timeout(180_000);
      const root = labBpffsRoot(t);
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
      const cluster = await startCluster(t, spec(mode, 1), (name, argv, options) =>
        lab.spawn(name, argv, { ...options, env: { ...options.env, HEADGATE_BPFFS: root } }),
      );
      for (const name of ['b1', 'c1']) await untilState(cluster, name, 'up');
      const visitors = await lab.spawn('client', [
        process.execPath,
        visitorsMain,
        vip.host,
        String(vip.port),
      ]);
      const visits = async (order: 'on' | 'off' | 'count') => {
        const from = visitors.nextLine;
        visitors.write(order);
        const { text } = await visitors.line(/"served":/, { from, timeoutMs: 30_000 });
        return JSON.parse(text) as { readonly served: number; readonly refused: number };
      };
      const crowds: RemoteSwarm[] = [];
      const comers = async (prefix: string): Promise<void> => {
        const swarm = await RemoteSwarm.start((argv, options) => lab.spawn('client', argv, options));
        await swarm.order({ do: 'open', ...vip, chatters: 10, speakers: 2, prefix });
        await swarm.order({ do: 'talk', everyMs: 100 });
        crowds.push(swarm);
      };
      /** Nobody lost anything or was refused; then they go. */
      const leave = async (): Promise<void> => {
        for (const crowd of crowds) {
          await crowd.order({ do: 'hush' });
          const report = await crowd.order({ do: 'settled', timeoutMs: 60_000 });
          t.deepEqual(report.lost, { expected: 0, unexpected: 0 });
          t.deepEqual(report.problems, []);
          t.is(report.connected, 10);
        }
        const { served, refused } = await visits('off');
        t.true(served > 0);
        t.is(refused, 0);
        for (const crowd of crowds.splice(0)) await crowd.program.end();
      };
      const untilMode = (wanted: string): Promise<unknown> =>
        untilStatus(
          cluster,
          (status) => nodeStatus(status, 'd1')?.forwarding?.services[0]?.mode === wanted,
          `${wanted} to be in force`,
        );

      await untilMode(mode);
      await comers(mode);
      await visits('on');
      let from = cluster.node('d1').nextLine;
      await cluster.rewrite(spec('fullnat', 1, 2));
      await cluster
        .node('d1')
        .line(new RegExp(`fullnat must wait: connections forwarded by ${mode} would end`), { from });
      // It never had another file.
      await cluster.start('b2');
      await untilAgreed(cluster);
      await comers('waiting');
      await cluster.node('d1').line(/new connections go to b1, b2/, { from });
      await comers('spread');
      t.true((nodeStatus(await statusOf(cluster), 'b2')?.accepted ?? 0) > 0);
      await leave();
      await untilMode('fullnat');

      await visits('on');
      await comers('fullnat');
      from = cluster.node('d1').nextLine;
      await cluster.rewrite(spec(mode, 1, 2));
      await cluster
        .node('d1')
        .line(new RegExp(`${mode} must wait: connections forwarded by fullnat would end`), {
          from,
        });
      await untilAgreed(cluster);
      await comers('back');
      await leave();
      await untilMode(mode);
      await visits('on');
      await comers('again');
      await leave();
      const { counters } = nodeStatus(await statusOf(cluster), 'd1')!;
      t.is(counters['refusedNoBalancer'], 0);
      t.is(counters['resetNoBalancer'], 0);
    },
  );
}
