/** Whole cluster in a lab: the director has CAP_NET_RAW and nothing else, and forwards from user space. */
import { whyNotRaw } from '../../../director/raw/index.ts';
import { startCluster, type ClusterSpec, type Entry } from '../../cluster.ts';
import { createLab, probeLab } from '../../lab/index.ts';
import {
  nodeStatus,
  statusOf,
  untilAgreed,
  untilState,
  untilStatus,
  viewsOf,
} from '../../system/cluster-view.ts';
import { RemoteSwarm } from '../../system/remote-swarm.ts';
import { testUnless } from '../../test-unless.ts';
import { until } from '../../until.ts';

const labTest = testUnless(whyNotRaw() ?? probeLab());
/** Root without any capability but this one. */
const withNetRawOnly = ['setpriv', '--bounding-set', '-all,+net_raw', '--inh-caps', '-all'];
const vip = { host: '10.77.0.100', port: 9000 };

function spec(forwarding: string, b1: Entry = {}): ClusterSpec {
  return {
    settings: { heartbeat: { interval: '200ms', deadAfter: '5m' } },
    services: { chat: { listen: `${vip.host}:${vip.port}`, forwarding } },
    directors: { d1: { host: '10.77.0.1' } },
    balancers: { b1: { host: '10.77.1.1', workers: 1, ...b1 }, b2: { host: '10.77.1.2', workers: 1 } },
    chatservers: { c1: { address: '10.77.2.1:7000' } },
  };
}

labTest(
  'a director with CAP_NET_RAW alone: from proxy to fullnat and tun, with a balancer drained, nobody established notices, and no way back is taken over their heads',
  async (t) => {
    t.timeout(120_000);
    const lab = await createLab(t, {
      hosts: {
        client: ['10.77.0.10'],
        d1: ['10.77.0.1', vip.host],
        b1: ['10.77.1.1'],
        b2: ['10.77.1.2'],
        c1: ['10.77.2.1'],
      },
    });
    const cluster = await startCluster(t, spec('proxy'), (name, argv, options) =>
      lab.spawn(name, name === 'd1' ? [...withNetRawOnly, ...argv] : argv, options),
    );
    for (const name of ['b1', 'b2', 'c1']) await untilState(cluster, name, 'up');
    const forwarding = async () => nodeStatus(await statusOf(cluster), 'd1')?.forwarding;
    const crowds: RemoteSwarm[] = [];
    let people = 0;
    const comers = async (prefix: string): Promise<void> => {
      const swarm = await RemoteSwarm.start((argv, options) => lab.spawn('client', argv, options));
      await swarm.order({ do: 'open', ...vip, chatters: 20, speakers: 2, prefix });
      await swarm.order({ do: 'talk', everyMs: 100 });
      crowds.push(swarm);
      people += 20;
      await until(async () => nodeStatus(await statusOf(cluster), 'd1')?.connections === people, {
        describe: `${people} connections to be counted`,
      });
    };
    const change = async (mode: string, b1: Entry = {}): Promise<void> => {
      await cluster.rewrite(spec(mode, b1));
      await untilAgreed(cluster);
      const isDrained = b1['state'] === 'drain';
      await untilStatus(
        cluster,
        (status) =>
          nodeStatus(status, 'd1')?.forwarding?.services[0]?.mode === mode &&
          viewsOf(status, 'b1').every(({ draining }) => draining === isDrained),
        `${mode} to be in force`,
      );
    };
    await comers('proxied');
    await change('fullnat');
    await comers('fullnat');
    t.true(
      (await forwarding())?.planes.some(({ plane, flows }) => plane === 'raw' && flows?.confirmed === 20),
    );
    // A reload that drains b1.
    await change('fullnat', { state: 'drain' });
    await comers('drained');
    await change('tun');
    await comers('tunnel');
    t.regex(
      (await forwarding())?.services[0]?.why ?? '',
      /by the plane raw: xdp does not work here: .*; to have it, /,
    );

    const from = cluster.node('d1').nextLine;
    await cluster.rewrite(spec('proxy'));
    await cluster.node('d1').line(/proxy must wait: connections forwarded by tun would end/, { from });
    for (const crowd of crowds) {
      await crowd.order({ do: 'hush' });
      const report = await crowd.order({ do: 'report' });
      t.deepEqual(report.lost, { expected: 0, unexpected: 0 });
      t.deepEqual(report.problems, []);
      t.is(report.connected, 20);
    }
    for (const crowd of crowds) await crowd.program.end();
    await until(
      async () => (await forwarding())?.services[0]?.mode === 'proxy',
      'the way back once they have gone',
    );
  },
);
