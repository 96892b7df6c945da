/** Roll-outs as their user does them: real nodes, the real command, people who stay connected. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ChatClient } from '../../chatserver-stub/index.ts';
import type { ClusterStatus } from '../../node/index.ts';
import { headgate, startCluster, type Cluster } from '../cluster.ts';
import { takeLoopbackBlock, type LoopbackBlock } from '../loopback-block.ts';
import { runProgram, startProgram, type Output } from '../processes.ts';
import { until } from '../until.ts';
import { nodeStatus, statusOf, untilCounted, untilState } from './cluster-view.ts';

interface Running {
  readonly block: LoopbackBlock;
  readonly cluster: Cluster;
  headgate(...words: string[]): Promise<Output>;
}

async function start(t: ExecutionContext): Promise<Running> {
  t.timeout(180_000);
  const block = await takeLoopbackBlock(t);
  const cluster = await startCluster(t, {
    services: { chat: { listen: `${block.address(1)}:9000` } },
    directors: { d1: { host: block.address(11) } },
    balancers: {
      b1: { host: block.address(21), workers: 1 },
      b2: { host: block.address(22), workers: 1 },
    },
    chatservers: { c1: { address: `${block.address(31)}:7000` } },
    settings: { heartbeat: { interval: '250ms' } },
  });
  for (const name of ['b1', 'b2', 'c1']) await untilState(cluster, name, 'up');
  return {
    block,
    cluster,
    headgate: (...words) => runProgram([...headgate, ...words], { env: cluster.env, timeoutMs: 60_000 }),
  };
}

async function people(
  t: ExecutionContext,
  { block, cluster }: Running,
  count: number,
): Promise<ChatClient[]> {
  const clients = Array.from({ length: count }, (_, index) => {
    const client = new ChatClient({ host: block.address(1), port: 9000, name: `person${index}` });
    t.teardown(() => client.close());
    return client;
  });
  await until(() => clients.every(({ connected }) => connected), 'everybody to be logged in');
  await untilCounted(cluster);
  return clients;
}

function generations({ nodes }: ClusterStatus): readonly string[] {
  return [...new Set(nodes.map(({ status }) => `${status?.rollout?.generation} ${status?.rollout?.hash}`))];
}

/** Waits until every node runs the same roll-out with nothing staged; resolves with its generation. */
async function agreed(cluster: Cluster): Promise<number> {
  const status = await until(
    async () => {
      const found = await statusOf(cluster);
      return (
        generations(found).length === 1 &&
        found.nodes.every(
          ({ status: own }) => own?.rollout?.staged === null && own.topology === found.topology,
        ) &&
        found
      );
    },
    { describe: 'one generation on every node', timeoutMs: 20_000 },
  );
  return status.nodes[0]!.status!.rollout!.generation;
}

test.serial(
  'plan, apply, drain with a deadline and undrain: people stay, the rest is closed on time',
  async (t) => {
    const running = await start(t);
    const { cluster } = running;
    await people(t, running, 24);
    const old = await readFile(cluster.file, 'utf8');
    const file = path.join(path.dirname(cluster.file), 'new.yaml');
    await writeFile(
      file,
      old.replace('balancers:', 'grace: 5s\nbalancers:').replace('workers: 1', 'weight: 3\n    workers: 1'),
    );

    const plan = await running.headgate('topology', 'plan', file);
    t.is(plan.code, 3);
    t.regex(plan.stdout, /~ balancer b1 weight +new connections only/);
    t.regex(plan.stdout, /25\.\d % go to another balancer/);
    t.regex(plan.stdout, /established connections: 24, of these 24 kept, 0 drained, 0 lost/);
    t.is((await running.headgate('topology', 'plan', cluster.file)).code, 0);

    const applied = await running.headgate('topology', 'apply', file, '--watch', '1s');
    t.is(applied.code, 0, applied.stderr);
    t.is(await agreed(cluster), 1);
    t.is(await readFile(cluster.file, 'utf8'), await readFile(file, 'utf8'), 'the nodes rewrote their file');
    const shown = await running.headgate('topology', 'show');
    t.regex(shown.stdout, /all 4 nodes run generation 1/);
    t.is(nodeStatus(await statusOf(cluster), 'd1')?.connections, 24);

    const before = await statusOf(cluster);
    const onB1 = nodeStatus(before, 'b1')!.connections;
    const onB2 = nodeStatus(before, 'b2')!.connections;
    t.is(onB1 + onB2, 24);
    const drained = await running.headgate(
      'topology',
      'drain',
      'b1',
      '--deadline',
      '4s',
      '--wait',
      '--watch',
      '0s',
      cluster.file,
    );
    t.is(drained.code, 0, drained.stderr);
    t.regex(
      drained.stdout,
      new RegExp(`established connections: 24, of these ${onB2} kept, 0 drained, ${onB1} lost`),
    );
    t.regex(drained.stdout, /b1: no connection is left/);
    // They come back by themselves, and find b2 alone.
    await until(
      async () => nodeStatus(await statusOf(cluster), 'b2')!.connections === 24,
      'everybody to be on b2',
    );
    // A director and a balancer that start anew know the deadline from their file.
    cluster.node('d1').signal('SIGKILL');
    await cluster.node('d1').exited;
    await cluster.start('d1');
    await until(
      async () => nodeStatus(await statusOf(cluster), 'b2')!.connections === 24,
      'everybody to be back',
    );
    t.is(nodeStatus(await statusOf(cluster), 'b1')!.connections, 0);
    const undrained = await running.headgate('topology', 'undrain', 'b1', '--watch', '0s', cluster.file);
    t.is(undrained.code, 0, undrained.stderr);
    t.is(await agreed(cluster), 3);
  },
);

test.serial('a killed applier leaves one generation, and nobody notices', async (t) => {
  const running = await start(t);
  const { cluster } = running;
  const clients = await people(t, running, 10);
  const old = await readFile(cluster.file, 'utf8');
  const file = path.join(path.dirname(cluster.file), 'new.yaml');
  let weight = 1;
  for (const line of [/b1 has staged it/, /d1 has staged it/, /has switched/]) {
    await writeFile(file, old.replace('workers: 1', `weight: ${++weight}\n    workers: 1`));
    const applier = await startProgram(t, [...headgate, 'topology', 'apply', file], { env: cluster.env });
    await applier.line(line);
    applier.signal('SIGKILL');
    await applier.exited;
    await agreed(cluster);
  }
  t.true((await agreed(cluster)) >= 1, 'the last one had switched a node');
  t.true(clients.every(({ connected }) => connected));
  t.is(nodeStatus(await statusOf(cluster), 'd1')?.accepted, 10, 'nobody had to come again');
});

test.serial('a topology that breaks a node is rolled back by itself, and the reason is told', async (t) => {
  const running = await start(t);
  const { cluster, block } = running;
  await people(t, running, 10);
  const old = await readFile(cluster.file, 'utf8');
  // No chat server is there: the balancers have nowhere to send anybody.
  const broken = old.replace(`${block.address(31)}:7000`, `${block.address(32)}:7000`);
  const file = path.join(path.dirname(cluster.file), 'new.yaml');
  await writeFile(file, broken);
  const { code, stdout, stderr } = await running.headgate('topology', 'apply', file, '--watch', '5s');
  t.is(code, 1);
  t.regex(stdout, /health became worse, rolling back: b[12] served chat for d1 and does not/);
  t.regex(stderr, /rolled back, as generation 2/);
  t.is(await agreed(cluster), 2);
  t.is(await readFile(cluster.file, 'utf8'), old);
  t.is(nodeStatus(await statusOf(cluster), 'd1')?.connections, 10);
  t.is(nodeStatus(await statusOf(cluster), 'd1')?.accepted, 10);
});
