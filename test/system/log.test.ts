/** Logs that cannot be written: nobody who is connected notices. */
import test, { type ExecutionContext } from 'ava';
import { ChatClient } from '../../chatserver-stub/index.ts';
import { smallCluster, startCluster, type Cluster } from '../cluster.ts';
import { fullPipe } from '../full-pipe.ts';
import { takeLoopbackBlock, type LoopbackBlock } from '../loopback-block.ts';
import { startProgram } from '../processes.ts';
import { until } from '../until.ts';
import { nodeStatus, statusOf, untilState } from './cluster-view.ts';

const names = ['d1', 'b1', 'b2', 'c1'] as const;

/** Every node with its log going to a file; what tells the helper that it is ready is not its own. */
async function clusterLogging(t: ExecutionContext, block: LoopbackBlock, to: string): Promise<Cluster> {
  const script = 'echo "$1 is ready, they say"; shift; exec "$@" > "$LOG"';
  const cluster = await startCluster(t, smallCluster(block), (name, argv, options) =>
    startProgram(t, ['sh', '-c', script, 'sh', name, ...argv], {
      ...options,
      env: { ...options.env, LOG: to },
    }),
  );
  await until(() => statusOf(cluster).catch(() => undefined), {
    describe: 'a node to answer',
    timeoutMs: 45_000,
  });
  for (const name of ['b1', 'b2', 'c1']) await untilState(cluster, name, 'up');
  return cluster;
}

/** People talk, come and go, while every node has much to say. */
async function talk(t: ExecutionContext, block: LoopbackBlock, cluster: Cluster): Promise<void> {
  const losses: string[] = [];
  const at = { host: block.address(1), port: 9000 };
  const stays = new ChatClient({ ...at, name: 'ann', lost: (why) => losses.push(why) });
  t.teardown(() => stays.close());
  await until(() => stays.connected, { describe: 'ann to be logged in' });
  for (let round = 0; round < 10; round++) {
    for (const name of names) cluster.node(name).signal('SIGHUP');
    const comes = new ChatClient({ ...at, name: `bob${round}` });
    await until(() => comes.connected, { describe: `bob${round} to be logged in` });
    await stays.say(`round ${round}`);
    comes.close();
  }
  for (const name of names) t.is(cluster.node(name).exit, undefined, `${name} runs`);
  t.deepEqual(losses, []);
  const status = await statusOf(cluster);
  for (const name of names) t.is(typeof nodeStatus(status, name)?.logLinesDropped, 'number', name);
}

test('nodes whose log is on a full disk serve on', async (t) => {
  t.timeout(120_000);
  const block = await takeLoopbackBlock(t);
  await talk(t, block, await clusterLogging(t, block, '/dev/full'));
});

test('nodes whose log nobody reads serve on, and write it when somebody does', async (t) => {
  t.timeout(120_000);
  const block = await takeLoopbackBlock(t);
  const pipe = await fullPipe(t);
  const cluster = await clusterLogging(t, block, pipe.path);
  await talk(t, block, cluster);
  let log = '';
  await until(
    () => {
      log += pipe.read();
      return names.every((name) => log.includes(`${name} is ready`));
    },
    { describe: 'the lines from the start' },
  );
});
