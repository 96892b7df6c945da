/** Nodes that take their topology from a real etcd, and the commands around it. */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { ChatClient } from '../../chatserver-stub/index.ts';
import { connectWith, noteOf, rollOut, stampInNote } from '../../node/index.ts';
import { ControlKey } from '../../lib/control/index.ts';
import { switchMethod } from '../../node/rollout/messages.ts';
import { parseTopology, readSecret, topologySource, type Topology } from '../../topology/index.ts';
import { headgate, startCluster, type Cluster } from '../cluster.ts';
import { addUsers } from '../etcd-users.ts';
import { makeCertificates, probeEtcd, startEtcd } from '../etcd.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { startProgram } from '../processes.ts';
import { runHere } from '../run-command.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';
import { dyingApplier } from '../node/rollout/dying-applier.ts';
import { nodeStatus, statusOf, untilState, untilStatus } from './cluster-view.ts';

const etcdTest = testUnless(probeEtcd());

/** Key files in a topology of etcd's are relative to the working directory. */
function workIn(t: ExecutionContext, folder: string): void {
  const before = process.cwd();
  process.chdir(folder);
  t.teardown(() => process.chdir(before));
}

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
      workIn(t, folder);
      const { stdout, stderr } = await runHere(['topology', 'apply', file, '--cluster', place], { env });
      t.regex(stdout, /holds generation 1 /, stderr);
      return place;
    },
  );
  const cwd = path.dirname(cluster.file);
  const command = (...words: string[]) => runHere(words, { env: cluster.env });
  const agreed = async (generation: number): Promise<void> => {
    await untilStatus(
      cluster,
      ({ nodes }) =>
        nodes.length === 3 && nodes.every(({ status }) => status?.rollout?.generation === generation),
      `generation ${generation} on every node`,
    );
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
  // Elsewhere than the key file: what finds the cluster is in etcd.
  const apart = path.join(await temporaryFolder(t), 'new.yaml');
  await writeFile(apart, await readFile(changed, 'utf8'));
  const planned = await runHere(['topology', 'plan', apart], {
    env: { ...cluster.env, HEADGATE_TOPOLOGY: place },
  });
  t.is(planned.code, 3, planned.stderr);
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
  let generation = 2 + both.length - lost.length;
  await agreed(generation);

  // A topology that breaks the balancer is taken back, in etcd, too.
  const good = (await command('topology', 'show', '--text', '--cluster', place)).stdout;
  const broken = path.join(cwd, 'broken.yaml');
  await writeFile(broken, good.replace(`${block.address(31)}:7000`, `${block.address(32)}:7000`));
  const back = await command('topology', 'apply', broken, '--cluster', place, '--watch', '5s');
  t.is(back.code, 1);
  t.regex(back.stdout, /health became worse, rolling back: b1 served chat for d1 and does not/);
  t.regex(back.stderr, new RegExp(`rolled back, as generation ${generation + 2}`));
  await agreed((generation += 2));
  t.is((await command('topology', 'show', '--text', '--cluster', place)).stdout, good);
  t.is(await stored(place, cluster), good.trimEnd());
  t.is(nodeStatus(await statusOf(cluster), 'd1')?.connections, 6);

  // An applier that dies after its transaction, before it has told anybody to switch: etcd has it, so everybody takes it.
  const heavier = good.replace(/weight: \d/, 'weight: 4');
  await dieAfterCommit(cluster, place, meaning(good), heavier);
  await agreed(++generation);
  t.is(await stored(place, cluster), heavier.trimEnd());

  await etcd.kill(0);
  cluster.node('d1').signal('SIGKILL');
  await cluster.node('d1').exited;
  const again = await cluster.start('d1');
  t.true(again.lines.some(({ text: line }) => /starting with the last good one, generation/.test(line)));
  await until(() => clients.every(({ connected }) => connected), 'everybody to be back');
  t.is(nodeStatus(await statusOf(cluster), 'd1')?.connections, 6);
  await etcd.restart(0);
  const weighed = await until(
    async () => {
      const result = await command('topology', 'set-weight', 'b1', '9', '--watch', '0s', place);
      return result.code === 0 && result;
    },
    { describe: 'a change with etcd back', everyMs: 250 },
  );
  t.regex(weighed.stdout, /b1 has weight 9/);
  await agreed(generation + 1);
  const weighs = await command('topology', 'show', '--text', '--cluster', place);
  t.regex(weighs.stdout, /weight: 9/);

  // Past headgate: everybody takes it, as a change by hand.
  await etcd.put('/headgate/chat', weighs.stdout.replace('weight: 9', 'weight: 8'));
  await untilStatus(
    cluster,
    ({ nodes, topology }) =>
      nodes.every(({ status }) => status?.topology === topology && status.rollout?.local === true),
    'the change by hand on every node',
  );
  t.true(clients.every(({ connected }) => connected));
});

function meaning(text: string): Topology {
  const { topology } = parseTopology(text, 'topology.yaml');
  if (topology === undefined) throw new Error('the text is not valid');
  return topology;
}

/** What is under the key. */
async function stored(place: string, { env }: Pick<Cluster, 'env'>): Promise<string | undefined> {
  const source = topologySource(place, env);
  try {
    return (await source.shared!.load()).text?.trimEnd();
  } finally {
    source.close();
  }
}

/** Rolls `text` out, and is killed when the first node is to be told to switch; resolves then. */
async function dieAfterCommit(
  { env }: Cluster,
  place: string,
  running: Topology,
  text: string,
): Promise<void> {
  const source = topologySource(place, env);
  const shared = source.shared!;
  const { version, note } = await shared.load();
  const key = ControlKey.fromSecret(await readSecret(running.secret, env));
  const connect = connectWith({ key, cluster: running.cluster, by: 'ann' });
  const applier = dyingApplier({ before: switchMethod, nth: 1 }, connect);
  void rollOut({
    running,
    candidate: { topology: meaning(text), text },
    by: 'ann',
    connect: applier.connect,
    stored: stampInNote(note, running.hash)!,
    commit: async (stamp, changed) => void (await shared.swap(changed, noteOf(stamp), version)),
    watchMs: 0,
  });
  await until(applier.dead, 'the applier to die');
  source.close();
}

etcdTest(
  'over TLS, with a client certificate and a user, apply writes etcd and a node follows it',
  async (t) => {
    t.timeout(120_000);
    const block = await takeLoopbackBlock(t);
    const certificates = await makeCertificates(t, block.address(101));
    const etcd = await startEtcd(t, block, { certificates });
    const folder = await temporaryFolder(t, { password: 'annword\n' });
    const place = `etcds://ann@${etcd.hosts}/headgate/chat`;
    const tls = {
      HEADGATE_RUNTIME_DIR: path.join(folder, 'run'),
      HEADGATE_ETCD_CA: path.join(certificates, 'ca.pem'),
      HEADGATE_ETCD_CERT: path.join(certificates, 'client.pem'),
      HEADGATE_ETCD_KEY: path.join(certificates, 'client.key'),
    };
    const env = { ...tls, HEADGATE_ETCD_PASSWORD_FILE: path.join(folder, 'password') };
    await chmod(env.HEADGATE_ETCD_PASSWORD_FILE, 0o600);
    const file = path.join(folder, 'topology.yaml');
    const command = (...words: string[]) => runHere(['topology', ...words], { env });
    const write = async (weight: number): Promise<void> =>
      writeFile(
        file,
        `version: 1
cluster: test
secret: { file: ${folder}/cluster.key }
services: { chat: { listen: "${block.address(1)}:9000" } }
directors: { d1: { host: ${block.address(11)} } }
balancers: { b1: { host: ${block.address(21)} } }
chatservers: { c1: { address: "${block.address(31)}:7000", weight: ${weight} } }
`,
      );
    await command('new-secret', path.join(folder, 'cluster.key'));
    await write(1);
    const first = await until(async () => {
      const result = await command('apply', file, '--cluster', place.replace('ann@', ''));
      return result.code === 0 && result;
    }, 'etcd to take the topology over TLS');
    t.regex(first.stdout, /holds generation 1 /);
    await addUsers(etcd, certificates, '/headgate/chat');
    const stranger = await runHere(['topology', 'show', '--cluster', place], { env: tls });
    t.not(stranger.code, 0);
    t.regex(stranger.stderr, /HEADGATE_ETCD_PASSWORD_FILE/);

    const argv = [...headgate, 'chatserver-stub', '--topology', place, '--node', 'c1'];
    const node = await startProgram(t, argv, { env });
    await node.line(/c1 is ready/, { timeoutMs: 45_000 });
    await write(2);
    const applied = await command('apply', file, '--cluster', place, '--watch', '0s');
    t.is(applied.code, 0, applied.stderr);
    t.regex(applied.stdout, /c1 has switched/);
    t.regex((await command('show', '--cluster', place)).stdout, /c1 +chat server +2 /);
    // Told by nobody but etcd: the node watches it, with its certificate and its user.
    const from = node.nextLine;
    const text = await readFile(file, 'utf8');
    const source = topologySource(place, env);
    const { version } = await source.shared!.load();
    await source.shared!.swap(text.replace('weight: 2', 'weight: 3'), '', version);
    source.close();
    await node.line(/topology \w+ replaces/, { from });
    t.false(node.lines.some((line) => line.text.includes('annword')));
  },
);
