/** One node as an operator runs it: signals, removal and return, and what keeps it from starting. */
import { chmod, readdir, readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ChatClient } from '../../chatserver-stub/index.ts';
import { headgate, smallCluster, startCluster, type Cluster, type ClusterSpec } from '../cluster.ts';
import { takeLoopbackBlock, type LoopbackBlock } from '../loopback-block.ts';
import { isRunning, runProgram, startProgram, type Output } from '../processes.ts';
import { Scope } from '../scope.ts';
import { until } from '../until.ts';
import { nodeStatus, statusOf, untilAgreed, untilState, untilStatus, viewsOf } from './cluster-view.ts';

const scope = new Scope();
let block: LoopbackBlock;
let spec: ClusterSpec;
let cluster: Cluster;
const names = ['d1', 'b1', 'b2', 'c1'] as const;

test.before(async (t) => {
  t.timeout(120_000);
  block = await takeLoopbackBlock(scope);
  spec = smallCluster(block);
  cluster = await startCluster(scope, spec);
});
test.after.always(() => scope.close());

/** The cluster as it was begun, whatever the test before has left: every node up, nobody connected. */
async function whole(t: ExecutionContext): Promise<void> {
  t.timeout(120_000);
  for (const name of names) if (cluster.node(name).exit !== undefined) await cluster.start(name);
  await cluster.rewrite(spec);
  await untilAgreed(cluster);
  for (const name of ['b1', 'b2', 'c1']) await untilState(cluster, name, 'up');
  await until(async () => (await statusOf(cluster)).nodes.every(({ status }) => status?.connections === 0), {
    describe: 'nobody to be connected',
  });
}

/** No node runs; the file is as it was begun. */
async function nobody(t: ExecutionContext): Promise<void> {
  t.timeout(120_000);
  await Promise.all(names.map((name) => cluster.node(name).end()));
  await cluster.rewrite(spec);
}

/** Somebody who stays connected through b1; resolves when logged in. */
async function personOnB1(t: ExecutionContext): Promise<ChatClient> {
  for (let number = 1; ; number++) {
    const client = new ChatClient({ host: block.address(1), port: 9000, name: `person${number}` });
    t.teardown(() => client.close());
    await until(() => client.connected, { describe: `person${number} to be logged in` });
    const counted = await until(
      async () => {
        const status = await statusOf(cluster);
        const [one, two] = ['b1', 'b2'].map((name) => nodeStatus(status, name)!.connections);
        return one! + two! === number && { one: one! };
      },
      { describe: 'the balancers to count everybody' },
    );
    if (counted.one > 0) return client;
  }
}

test.serial('every counter of every tier is explained in docs/counters.md, and no other is', async (t) => {
  await whole(t);
  const page = await readFile(path.join('docs', 'counters.md'), 'utf8');
  const status = await statusOf(cluster);
  for (const [heading, counters] of [
    ['Director', nodeStatus(status, 'd1')!.counters],
    ['Balancer', nodeStatus(status, 'b1')!.counters],
    ['Chat server stub', nodeStatus(status, 'c1')!.counters],
    ['Control channel', nodeStatus(status, 'd1')!.control],
  ] as const) {
    const section = page.split(`## ${heading}\n`)[1]!.split('\n## ')[0]!;
    const explained = [...section.matchAll(/^\| `(\w+)`/gm)].map(([, counter]) => counter!);
    t.deepEqual(explained.toSorted(), Object.keys(counters).toSorted(), heading);
  }
});

test.serial('SIGTERM drains: new connections go elsewhere, those there stay until they leave', async (t) => {
  await whole(t);
  const person = await personOnB1(t);
  const b1 = cluster.node('b1');
  b1.signal('SIGTERM');
  await b1.line(/SIGTERM: draining \d+ connections?, at most 30 s/);
  await until(
    async () =>
      viewsOf(await statusOf(cluster), 'b1').every(({ services }) => services['chat'] === 'draining'),
    {
      describe: 'the director to know that b1 drains',
    },
  );
  await person.say('still here');
  t.is(b1.exit, undefined);
  person.close();
  t.deepEqual(await b1.exited, { code: 0, signal: null });
});

test.serial('a second SIGTERM ends a draining node at once', async (t) => {
  await whole(t);
  await personOnB1(t);
  const b1 = cluster.node('b1');
  b1.signal('SIGTERM');
  await b1.line(/SIGTERM: draining/);
  b1.signal('SIGTERM');
  await b1.line(/SIGTERM again: ending now/);
  t.deepEqual(await b1.exited, { code: 0, signal: null });
});

test.serial('the grace ends a drain that nobody ends', async (t) => {
  await whole(t);
  await personOnB1(t);
  const b1 = cluster.node('b1');
  const from = b1.nextLine;
  await cluster.rewrite({ ...spec, settings: { grace: '1s' } });
  await b1.line(/topology \w+ replaces/, { from });
  b1.signal('SIGTERM');
  await b1.line(/draining \d+ connections?, at most 1 s/);
  t.deepEqual(await b1.exited, { code: 0, signal: null });
});

test.serial('a removed balancer keeps its people, and works on when it is put back', async (t) => {
  await whole(t);
  const person = await personOnB1(t);
  const b1 = cluster.node('b1');
  await cluster.rewrite({ ...spec, balancers: { b2: spec.balancers['b2']! } });
  await b1.line(/b1 was removed from the topology: it takes nothing new and ends with its last connection/);
  await until(async () => viewsOf(await statusOf(cluster), 'b1').some(({ draining }) => draining), {
    describe: 'the director to show b1 as draining',
  });
  await person.say('still here');
  await cluster.rewrite(spec);
  await b1.line(/b1 is in the topology again/);
  await until(async () => viewsOf(await statusOf(cluster), 'b1').every(({ draining }) => !draining), {
    describe: 'the director to use b1 again',
  });
  person.close();
  await until(async () => nodeStatus(await statusOf(cluster), 'b1')?.connections === 0, {
    describe: 'b1 to be idle',
  });
  t.is(b1.exit, undefined, 'it stays');
});

test.serial(
  'a node that does not run is not taken for the one that has its control port still',
  async (t) => {
    await whole(t);
    const host = block.address(31);
    const c1 = { ...spec.chatservers['c1'], control: 7401 };
    await cluster.rewrite({ ...spec, chatservers: { c1 } });
    await cluster.node('c1').line(/control port is now \S+:7401/);
    const c2 = { address: `${host}:7001`, control: 7400 };
    await cluster.rewrite({ ...spec, chatservers: { c1, c2 } });
    const why = `c1 answers at ${host}:7400 instead of c2`;
    await untilStatus(
      cluster,
      (status) => {
        const views = viewsOf(status, 'c2');
        return views.length === 2 && views.every(({ lastFailure }) => lastFailure === why);
      },
      'both balancers to hear who answers for c2',
    );
    const status = await statusOf(cluster);
    t.deepEqual([...new Set(viewsOf(status, 'c2').map(({ state }) => state))], ['unknown']);
    t.regex(status.nodes.find(({ node }) => node === 'c2')?.problem ?? '', new RegExp(`^${why}; start c2`));
    await untilState(cluster, 'c1', 'up');
  },
);

test.serial('a control port that is taken for a moment is used as soon as it is free', async (t) => {
  await whole(t);
  const b1 = cluster.node('b1');
  const from = b1.nextLine;
  const host = block.address(21);
  const other = createServer().listen(7410, host);
  t.teardown(() => other.close());
  await once(other, 'listening');
  const balancers = { ...spec.balancers, b1: { ...spec.balancers['b1'], control: 7410 } };
  await cluster.rewrite({ ...spec, balancers });
  await b1.line(/is not carried out whole: control port \S+:7410 is taken/, { from });
  other.close();
  await b1.line(/control port is now \S+:7410/, { from });
  await untilState(cluster, 'b1', 'up');
  t.is(nodeStatus(await statusOf(cluster), 'b1')?.rollout?.applyProblem, '');
  await cluster.rewrite(spec);
  await b1.line(/control port is now \S+:7400/, { from });
});

test.serial('SIGHUP reads the topology again', async (t) => {
  await whole(t);
  const d1 = cluster.node('d1');
  const from = d1.nextLine;
  d1.signal('SIGHUP');
  const { index } = await d1.line(/SIGHUP: reading the topology again/, { from });
  await d1.line(/the topology is unchanged/, { from: index });
  t.pass();
});

test.serial('what keeps a node from starting is one line with the cure', async (t) => {
  await whole(t);
  const run = (tier: string, ...args: string[]): Promise<Output> =>
    runProgram([...headgate, tier, '--topology', cluster.file, ...args], { env: cluster.env });
  const tells = async (output: Promise<Output>, code: number, says: RegExp): Promise<void> => {
    const { code: got, stderr } = await output;
    t.is(got, code, stderr);
    t.regex(stderr, says);
    t.is(stderr.trim().split('\n').length, 1, stderr);
  };
  await tells(run('director'), 1, /address already in use|another process listens/);
  await tells(run('balancer'), 1, /several balancers are on this machine; pass --node with one of b1, b2/);
  await tells(run('balancer', '--node', 'b3'), 2, /there is no balancer b3; did you mean b\d\?/);
  await tells(run('balancer', '--node', 'c1'), 2, /c1 is a chat server; balancers are b1, b2/);
  await tells(run('balancer', '--node', 'b1'), 1, /balancer b1: .*127\.\S+:9000/);

  // A control port that somebody else has.
  const other = createServer().listen(7400, block.address(23));
  t.teardown(() => other.close());
  await once(other, 'listening');
  await cluster.rewrite({
    ...spec,
    balancers: { ...spec.balancers, b3: { host: block.address(23), workers: 1 } },
  });
  await tells(run('balancer', '--node', 'b3'), 1, /balancer b3: .*7400.*(taken|in use|listens).*control/);

  await chmod(path.join(path.dirname(cluster.file), 'cluster.key'), 0o644);
  await tells(run('balancer', '--node', 'b1'), 1, /cluster\.key.*; chmod 600 /);
  await chmod(path.join(path.dirname(cluster.file), 'cluster.key'), 0o600);

  const open = path.join(path.dirname(cluster.file), 'open');
  await runProgram(['mkdir', '-m', '0777', open]);
  const exposed = runProgram([...headgate, 'balancer', '--topology', cluster.file, '--node', 'b1'], {
    env: { HEADGATE_RUNTIME_DIR: open },
  });
  await tells(exposed, 1, /others may enter it; set HEADGATE_RUNTIME_DIR to a directory of mode 0700/);
});

test.serial('when up is killed outright, no node outlives it', async (t) => {
  await nobody(t);
  const up = await startProgram(t, [...headgate, 'up', cluster.file], { env: cluster.env });
  await up.line(/cluster test is up/, { timeoutMs: 60_000 });
  const pids = (await statusOf(cluster)).nodes.flatMap(({ status }) => [
    status!.pid,
    ...(status!.workers ?? []).map(({ pid }) => pid),
  ]);
  up.signal('SIGKILL');
  await until(() => pids.every((pid) => !isRunning(pid)), { describe: 'every node to end' });
  t.pass();
});

test.serial('when up is killed while its nodes start, none outlives it', async (t) => {
  await nobody(t);
  const up = await startProgram(t, [...headgate, 'up', cluster.file], { env: cluster.env });
  // The first word of any node: the others are still on their way.
  await up.line(/^\w+ +\| /, { timeoutMs: 60_000 });
  up.signal('SIGKILL');
  const left = async (): Promise<readonly string[]> => {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const commands = await Promise.all(
      pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
    );
    return commands.filter((command) => command.includes(cluster.file));
  };
  await until(async () => (await left()).length === 0, 'every node to end');
  t.pass();
});
