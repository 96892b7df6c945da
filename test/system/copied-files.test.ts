/** Hosts that share nothing but copies of the topology file and the key, over IPv6. */
import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { closeAll, connectLocalNodes } from '../../cli/cluster-access.ts';
import type { Explanation } from '../../director/index.ts';
import { headgate, startCluster, type Cluster, type ClusterSpec } from '../cluster.ts';
import { createLab, probeLab } from '../lab/index.ts';
import type { Program } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { testUnless } from '../test-unless.ts';
import { untilState } from './cluster-view.ts';

const labTest = testUnless(probeLab());

const hosts = {
  d1: ['fd79::1'],
  d2: ['fd79::2'],
  b1: ['fd79::11'],
  b2: ['fd79::12'],
  c1: ['fd79::21'],
  c2: ['fd79::22'],
  client: ['fd79::99'],
};

/** Two services on every address of both directors; each has a chat server of its own. */
const spec: ClusterSpec = {
  services: {
    chat: { listen: '[::]:9000', chatservers: ['c1'] },
    lounge: { listen: '[::]:9001', chatservers: ['c2'] },
  },
  directors: { d1: { host: 'fd79::1' }, d2: { host: 'fd79::2' } },
  balancers: { b1: { host: 'fd79::11', workers: 1 }, b2: { host: 'fd79::12', workers: 1, weight: 2 } },
  chatservers: { c1: { address: '[fd79::21]:7000' }, c2: { address: '[fd79::22]:7000' } },
};

labTest(
  'hosts that have only copies of the topology and the key find themselves and serve two services over IPv6',
  async (t) => {
    t.timeout(120_000);
    const lab = await createLab(t, { hosts });
    const folder = await temporaryFolder(t);
    await startCluster(t, spec, async (name, argv) => {
      const file = argv[argv.indexOf('--topology') + 1]!;
      const copy = path.join(folder, name, 'topology.yaml');
      await mkdir(path.dirname(copy));
      await copyFile(file, copy);
      await copyFile(path.join(path.dirname(file), 'cluster.key'), path.join(folder, name, 'cluster.key'));
      const command = argv.slice(0, argv.indexOf('--topology'));
      return lab.spawn(name, [...command, '--topology', copy], {
        env: { HEADGATE_RUNTIME_DIR: path.join(folder, name, 'run') },
      });
    });
    // Each host has a runtime directory of its own: any one of them knows the whole cluster.
    const at = (name: string): Pick<Cluster, 'env'> => ({
      env: { HEADGATE_RUNTIME_DIR: path.join(folder, name, 'run') },
    });
    for (const name of ['b1', 'b2', 'c1', 'c2']) await untilState(at('d1'), name, 'up');

    const chat = async (vip: string, name: string, server: string): Promise<Program> => {
      const program = await lab.spawn('client', [...headgate, 'chat', vip, '--name', name]);
      await program.line(new RegExp(`you are ${name} on ${server}`));
      return program;
    };
    const ann = await chat('[fd79::1]:9000', 'ann', 'c1');
    const bob = await chat('[fd79::2]:9001', 'bob', 'c2');
    ann.write('hello over IPv6');
    await bob.line(/ann@c1: hello over IPv6/);
    bob.write('hello back');
    await ann.line(/bob@c2: hello back/);

    const choices = await Promise.all(['d1', 'd2'].map((name) => choicesOf(at(name).env)));
    t.deepEqual(choices[0], choices[1], 'both directors choose alike');
    t.deepEqual([...new Set(choices[0])].sort(), ['b1', 'b2']);
  },
);

/** Which balancers the director on one host chooses for many clients. */
async function choicesOf(env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const nodes = await connectLocalNodes(env);
  try {
    const ask = async (port: number): Promise<string> => {
      const question = { client: `[fd79::99]:${port}`, service: 'chat' };
      const answer = await nodes[0]!.connection.request('explain', question, 5_000);
      const { explanations } = answer as unknown as { readonly explanations: readonly Explanation[] };
      return explanations[0]!.balancer ?? 'none';
    };
    return await Promise.all(Array.from({ length: 40 }, (_, index) => ask(40_000 + index)));
  } finally {
    closeAll(nodes);
  }
}

labTest('a balancer warns when the system shortens its accept queue', async (t) => {
  t.timeout(60_000);
  const lab = await createLab(t, { hosts: { b1: ['fd79::11'] }, sysctls: { 'net.core.somaxconn': '128' } });
  const startOnB1 = (name: string, argv: readonly string[], options: object): Promise<Program> =>
    lab.spawn('b1', argv, options);
  const one: ClusterSpec = {
    services: { chat: { listen: '[fd79::11]:9000' } },
    directors: { d1: { host: 'fd79::11', control: 7401 } },
    balancers: { b1: { host: 'fd79::11', port: 9001, workers: 1 } },
    chatservers: { c1: { address: '[fd79::11]:7000', control: 7402 } },
  };
  const cluster = await startCluster(t, one, startOnB1);
  await cluster
    .node('b1')
    .line(/net\.core\.somaxconn is 128, below .* 4096; run sysctl -w net\.core\.somaxconn=4096/);
  t.pass();
});
