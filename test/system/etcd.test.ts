/** Nodes that take their topology from a real etcd, and the commands around it. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ChatClient } from '../../chatserver-stub/index.ts';
import { headgate, startCluster } from '../cluster.ts';
import { probeEtcd, startEtcd } from '../etcd.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { outputOf, runProgram } from '../processes.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';
import { nodeStatus, statusOf, untilState } from './cluster-view.ts';

const etcdTest = testUnless(probeEtcd());

etcdTest('apply writes etcd, nodes follow it, and go on, even from a start, while it is away', async (t) => {
  t.timeout(180_000);
  const block = await takeLoopbackBlock(t);
  const etcd = await startEtcd(t, block);
  const place = `etcd://${etcd.hosts}/headgate/chat`;
  const cluster = await startCluster(
    t,
    {
      services: { chat: { listen: `${block.address(1)}:9000` } },
      directors: { d1: { host: block.address(11) } },
      balancers: { b1: { host: block.address(21), workers: 1 } },
      chatservers: { c1: { address: `${block.address(31)}:7000` } },
      settings: { heartbeat: { interval: '250ms' } },
    },
    undefined,
    async ({ file, env, folder }) => {
      const said = await outputOf([...headgate, 'topology', 'apply', file, '--cluster', place], {
        env,
        cwd: folder,
      });
      t.regex(said, /holds generation 1 /);
      return place;
    },
  );
  const cwd = path.dirname(cluster.file);
  const command = async (...words: string[]) =>
    runProgram([...headgate, ...words], { env: cluster.env, cwd, timeoutMs: 60_000 });
  const agreed = async (generation: number): Promise<void> => {
    await until(async () => {
      const { nodes } = await statusOf(cluster);
      return nodes.length === 3 && nodes.every(({ status }) => status?.rollout?.generation === generation);
    }, `generation ${generation} on every node`);
  };
  await agreed(1);
  for (const name of ['b1', 'c1']) await untilState(cluster, name, 'up');
  const clients = Array.from({ length: 6 }, (_, index) => {
    const client = new ChatClient({ host: block.address(1), port: 9000, name: `person${index}` });
    t.teardown(() => client.close());
    return client;
  });
  await until(() => clients.every(({ connected }) => connected), 'everybody to be logged in');

  const text = await readFile(cluster.file, 'utf8');
  const changed = path.join(cwd, 'new.yaml');
  await writeFile(changed, text.replace('workers: 1', 'weight: 3\n    workers: 1'));
  const astray = await command('topology', 'apply', changed, '--watch', '0s');
  t.is(astray.code, 1);
  t.regex(astray.stderr, /takes its topology from etcd:.* add --cluster etcd:/);
  t.is((await command('topology', 'plan', changed, '--cluster', place)).code, 3);
  const applied = await command('topology', 'apply', changed, '--cluster', place, '--watch', '0s');
  t.is(applied.code, 0, applied.stderr);
  await agreed(2);
  t.is((await statusOf(cluster)).nodes[0]?.status?.file, place);
  const shown = await command('topology', 'show', '--cluster', place);
  t.regex(shown.stdout, /all 3 nodes run generation 2/);
  t.regex((await command('status', '--topology', place)).stdout, /b1/);

  const texts = [5, 7].map((weight) => text.replace('workers: 1', `weight: ${weight}\n    workers: 1`));
  const both = await Promise.all(
    texts.map(async (each, index) => {
      const file = path.join(cwd, `both${index}.yaml`);
      await writeFile(file, each);
      return command('topology', 'apply', file, '--cluster', place, '--watch', '0s');
    }),
  );
  const lost = both.filter(({ code }) => code !== 0);
  t.true(lost.length <= 1, both.map(({ stderr }) => stderr).join('\n'));
  for (const { stderr } of lost)
    t.regex(stderr, /rolling out|began from|plan was made|roll-out is|refuses the roll-out/);
  const generation = 2 + both.length - lost.length;
  await agreed(generation);

  await etcd.kill(0);
  cluster.node('d1').signal('SIGKILL');
  await cluster.node('d1').exited;
  const again = await cluster.start('d1');
  t.true(again.lines.some(({ text: line }) => /starting with the last good one, generation/.test(line)));
  await until(() => clients.every(({ connected }) => connected), 'everybody to be back');
  t.is(nodeStatus(await statusOf(cluster), 'd1')?.connections, 6);
  await etcd.restart(0);
  const weighed = await until(async () => {
    const result = await command('topology', 'set-weight', 'b1', '9', '--watch', '0s', place);
    return result.code === 0 && result;
  }, 'a change with etcd back');
  t.regex(weighed.stdout, /b1 has weight 9/);
  await agreed(generation + 1);
  const stored = await command('topology', 'show', '--text', '--cluster', place);
  t.regex(stored.stdout, /weight: 9/);

  // Past headgate: everybody takes it, as a change by hand.
  await etcd.put('/headgate/chat', stored.stdout.replace('weight: 9', 'weight: 8'));
  await until(async () => {
    const { nodes, topology } = await statusOf(cluster);
    return nodes.every(({ status }) => status?.topology === topology && status.rollout?.local === true);
  }, 'the change by hand on every node');
  t.true(clients.every(({ connected }) => connected));
});
