/** Roll-outs as their user does them: one cluster of real nodes, the real command, people who stay connected. */
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ChatClient } from '../../chatserver-stub/index.ts';
import type { ClusterStatus } from '../../node/index.ts';
import { headgate, smallCluster, startCluster, type Cluster } from '../cluster.ts';
import { takeLoopbackBlock, type LoopbackBlock } from '../loopback-block.ts';
import { runProgram, startProgram, type Output } from '../processes.ts';
import { probeReadOnly, readOnly } from '../read-only.ts';
import { runHere } from '../run-command.ts';
import { Scope } from '../scope.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';
import { nodeStatus, statusOf, untilCounted, untilState, untilStatus, viewsOf } from './cluster-view.ts';

const scope = new Scope();
let block: LoopbackBlock;
let cluster: Cluster;
/** A place for changed topologies, beside the one that runs. */
let file: string;
/** Nobody has the name of another. */
let named = 0;

test.before(async (t) => {
  t.timeout(120_000);
  block = await takeLoopbackBlock(scope);
  cluster = await startCluster(scope, {
    ...smallCluster(block),
    settings: { heartbeat: { interval: '250ms' } },
  });
  file = path.join(path.dirname(cluster.file), 'new.yaml');
  for (const name of ['b1', 'b2', 'c1']) await untilState(cluster, name, 'up');
});
test.after.always(() => scope.close());

const command = (...words: string[]): Promise<Output> => runHere(words, { env: cluster.env });

async function people(t: ExecutionContext, count: number): Promise<ChatClient[]> {
  await untilCounted(cluster);
  const clients = Array.from({ length: count }, () => {
    const client = new ChatClient({ host: block.address(1), port: 9000, name: `person${named++}` });
    t.teardown(() => client.close());
    return client;
  });
  await until(() => clients.every(({ connected }) => connected), 'everybody to be logged in');
  await untilCounted(cluster);
  return clients;
}

/** The connections of a node. */
async function connectionsOf(name: string): Promise<number | undefined> {
  return nodeStatus(await statusOf(cluster), name)?.connections;
}

/** How many connections the director has accepted since it started. */
async function accepted(): Promise<number> {
  return nodeStatus(await statusOf(cluster), 'd1')?.accepted ?? Number.NaN;
}

/** What runs, with something else in it, in the file for changed topologies. */
async function change(was: string, becomes: string): Promise<void> {
  const text = await readFile(cluster.file, 'utf8');
  if (!text.includes(was)) throw new Error(`the topology has no ${was}`);
  await writeFile(file, text.replace(was, becomes));
}

function generations({ nodes }: ClusterStatus): readonly string[] {
  return [...new Set(nodes.map(({ status }) => `${status?.rollout?.generation} ${status?.rollout?.hash}`))];
}

/** Waits until every node runs the same roll-out with nothing staged; resolves with its generation. */
async function agreed(): Promise<number> {
  const status = await untilStatus(
    cluster,
    (found) => {
      return (
        generations(found).length === 1 &&
        found.nodes.every(
          ({ status: own }) => own?.rollout?.staged === null && own.topology === found.topology,
        ) &&
        found
      );
    },
    'one generation on every node',
  );
  return status.nodes[0]!.status!.rollout!.generation;
}

async function restart(...names: readonly string[]): Promise<void> {
  for (const name of names) cluster.node(name).signal('SIGKILL');
  await Promise.all(names.map((name) => cluster.node(name).exited));
  await Promise.all(names.map((name) => cluster.start(name)));
}

test.serial(
  'plan, apply, drain with a deadline and undrain: people stay, the rest is closed on time',
  async (t) => {
    t.timeout(120_000);
    await people(t, 24);
    await change('workers: 1', 'weight: 3\n    workers: 1');
    const plan = await command('topology', 'plan', file);
    t.is(plan.code, 3);
    t.regex(plan.stdout, /~ balancer b1 weight +new connections only/);
    t.regex(plan.stdout, /25\.\d % go to another balancer/);
    t.regex(plan.stdout, /established connections: 24, of these 24 kept, 0 drained, 0 lost/);
    t.is((await command('topology', 'plan', cluster.file)).code, 0);

    const applied = await command('topology', 'apply', file, '--watch', '1s');
    t.is(applied.code, 0, applied.stderr);
    t.is(await agreed(), 1);
    t.is(await readFile(cluster.file, 'utf8'), await readFile(file, 'utf8'), 'the nodes rewrote their file');
    t.regex((await command('topology', 'show')).stdout, /all 4 nodes run generation 1/);
    t.is(await connectionsOf('d1'), 24);

    // A draining balancer goes on draining after both tiers have started anew, until that is taken back.
    const hour = ['--deadline', '1h', '--watch', '0s', cluster.file];
    t.is((await command('topology', 'drain', 'b1', ...hour)).code, 0);
    await restart('d1', 'b1');
    await untilState(cluster, 'b2', 'up');
    await untilStatus(
      cluster,
      (status) => nodeStatus(status, 'b2')?.connections === 24,
      'everybody to be back, on b2',
    );
    const b1 = nodeStatus(await statusOf(cluster), 'b1');
    t.like(b1, { draining: true, connections: 0 });
    t.regex(await readFile(cluster.file, 'utf8'), /drainUntil/);
    const undrained = await command('topology', 'undrain', 'b1', '--watch', '0s', cluster.file);
    t.is(undrained.code, 0, undrained.stderr);
    t.is(await agreed(), 3);
    await untilStatus(
      cluster,
      (status) => viewsOf(status, 'b1').every(({ state, draining }) => state === 'up' && !draining),
      'b1 to be taken back',
    );
    await people(t, 24);
    const onB1 = (await connectionsOf('b1')) ?? 0;
    t.true(onB1 > 0, 'new ones reach b1 again');

    const drain = ['drain', 'b1', '--deadline', '3s', '--watch', '0s', cluster.file];
    const drained = await runHere(['topology', ...drain], { env: cluster.env, terminal: true });
    t.is(drained.code, 0, drained.stderr);
    const counts = `established connections: 48, of these ${48 - onB1} kept, 0 drained, ${onB1} lost`;
    t.true(drained.stdout.includes(counts), drained.stdout);
    const view = drained.stdout.split('\r\u001B[K').slice(1);
    t.regex(view[0] ?? '', new RegExp(`^b1: ${onB1} connections, .*the rest is closed in [1-4]s, at .*Z$`));
    t.regex(view.at(-1) ?? '', /^b1: no connection is left\n/);
    // They come back by themselves, and find b2 alone.
    await untilStatus(
      cluster,
      (status) => nodeStatus(status, 'b2')?.connections === 48,
      'everybody to be on b2',
    );
    t.is((await command('topology', 'undrain', 'b1', '--watch', '0s', cluster.file)).code, 0);
    t.is(await agreed(), 5);
  },
);

test.serial(
  'drain --wait waits on a node that drains already, and while nobody who knows answers, until nothing is left',
  async (t) => {
    t.timeout(120_000);
    await people(t, 24);
    const onB1 = (await connectionsOf('b1')) ?? 0;
    t.true(onB1 > 0);
    t.is((await command('topology', 'drain', 'b1', '--watch', '0s', cluster.file)).code, 0);
    const generation = await agreed();

    // What the file says must be what runs, also where there is nothing to change.
    await change('weight: 3', 'weight: 4');
    const astray = await command('topology', 'drain', 'b1', file);
    t.is(astray.code, 1);
    t.regex(astray.stderr, /new\.yaml is \w+, generation \d+ of the cluster is \w+; write what runs with/);

    const words = ['topology', 'drain', 'b1', '--wait', cluster.file];
    const waiter = await startProgram(t, [...headgate, ...words], { env: cluster.env });
    await waiter.line(/nothing to change: b1 drains already/);
    await waiter.line(new RegExp(`b1: ${onB1} connections`));
    for (const name of ['b1', 'd1']) cluster.node(name).signal('SIGKILL');
    await waiter.line(/b1: how many connections are left is not known: no answer from b1, d1/);
    t.is(waiter.exit, undefined);
    await cluster.start('d1');
    await waiter.line(/b1: no connection is left/);
    t.is((await waiter.exited).code, 0);
    t.is(waiter.lines.length, 4, waiter.lines.map(({ text }) => text).join('\n'));

    await cluster.start('b1');
    t.is(await agreed(), generation);
    t.is((await command('topology', 'undrain', 'b1', '--watch', '0s', cluster.file)).code, 0);
    for (const name of ['b1', 'b2']) await untilState(cluster, name, 'up');
  },
);

test.serial(
  'a roll-out whose reader closes the pipe goes on to its end, and keeps its exit code',
  async (t) => {
    const generation = await agreed();
    const old = await readFile(cluster.file, 'utf8');
    for (const [index, reader] of ['head -1', 'true'].entries()) {
      await writeFile(file, old.replace('weight: 3', `weight: ${index + 4}`));
      const script = `{ "$0" "$@"; echo "code $?" >&2; } | ${reader}`;
      const argv = [...headgate, 'topology', 'apply', file, '--watch', '0s'];
      const { stderr } = await runProgram(['sh', '-c', script, ...argv], { env: cluster.env });
      t.is(stderr, 'code 0\n');
      t.is(await agreed(), generation + 1 + index);
    }
    t.is((await command('topology', 'set-weight', 'b1', '3', '--watch', '0s', cluster.file)).code, 0);
  },
);

test.serial(
  '--skip of a node that is not there is refused with what was meant, and nobody is rolled',
  async (t) => {
    const generation = await agreed();
    await change('weight: 3', 'weight: 4');
    const refused = await command(
      'topology',
      'apply',
      file,
      '--watch',
      '0s',
      '--skip',
      'c1',
      '--skip',
      'b22',
    );
    t.is(refused.code, 2);
    t.regex(refused.stderr, /^headgate: --skip b22: there is no such node; did you mean b2\?\n$/);
    t.is((await command('topology', 'rotate-secret', cluster.file, '--skip', 'zz')).code, 2);
    t.is(await agreed(), generation);
  },
);

testUnless(probeReadOnly())(
  'a copy of the topology that cannot be written is told, and the cluster runs it',
  async (t) => {
    const generation = await agreed();
    const text = await readFile(cluster.file, 'utf8');
    const key = await readFile(path.join(path.dirname(cluster.file), 'cluster.key'), 'utf8');
    const folder = await temporaryFolder(t, { 'topology.yaml': text, 'cluster.key': key });
    await chmod(path.join(folder, 'cluster.key'), 0o600);
    const copy = path.join(folder, 'topology.yaml');
    const words = ['topology', 'set-weight', 'b1', '5', '--watch', '0s', copy];
    const { code, stderr } = await runProgram(readOnly(folder, [...headgate, ...words]), {
      env: cluster.env,
    });
    t.is(code, 1);
    t.regex(stderr, /^headgate: the cluster runs it; .* could not be written: cannot replace .*EROFS/);
    t.is(await agreed(), generation + 1);
    t.is((await command('topology', 'set-weight', 'b1', '3', '--watch', '0s', cluster.file)).code, 0);
  },
);

test.serial('what one host could not do is refused before anybody switches', async (t) => {
  const before = await agreed();
  const old = await readFile(cluster.file, 'utf8');
  for (const [port, node, taken] of [
    [9_100, 'b2', block.address(22)],
    [9_101, 'd1', block.address(1)],
  ] as const) {
    const taker = createServer().listen(port, taken);
    await once(taker, 'listening');
    t.teardown(() => taker.close());
    const place = `${block.address(1)}:${port}`;
    await change('services:\n', `services:\n  more${port}:\n    listen: ${place}\n`);
    const refused = await command('topology', 'apply', file, '--watch', '0s');
    t.is(refused.code, 1);
    t.regex(
      refused.stderr,
      new RegExp(
        `^headgate: ${node} does not take the topology; nobody has switched: .*service more${port}: cannot listen on ${taken}:${port}: .*EADDRINUSE`,
      ),
    );
    t.is(refused.stderr.split('\n').length, 2, 'one line');
    t.is(await agreed(), before);
    t.is(await readFile(cluster.file, 'utf8'), old);
    taker.close();
    await once(taker, 'close');
  }
  t.is((await command('topology', 'apply', file, '--watch', '0s')).code, 0, 'with the port free it is taken');
  t.is(await agreed(), before + 1);
});

test.serial('a killed or interrupted applier leaves one generation, and nobody notices', async (t) => {
  t.timeout(120_000);
  const clients = await people(t, 10);
  const before = await accepted();
  const old = await readFile(cluster.file, 'utf8');
  let weight = 3;
  for (const [signal, line, done] of [
    ['SIGKILL', /b1 has staged it/, undefined],
    ['SIGINT', /b1 has staged it/, undefined],
    ['SIGKILL', /has switched/, 1],
    ['SIGINT', /watching health/, 1],
  ] as const) {
    const generation = await agreed();
    await writeFile(file, old.replace('weight: 3', `weight: ${++weight}`));
    const applier = await startProgram(t, [...headgate, 'topology', 'apply', file], { env: cluster.env });
    await applier.line(line);
    applier.signal(signal);
    const { code } = await applier.exited;
    const moved = (await agreed()) - generation;
    if (done !== undefined) t.is(moved, done, `${signal} at ${line}`);
    // Told that nothing has changed, or that it has; which of both is a matter of who was quicker.
    if (signal === 'SIGINT') t.is(code, moved === 1 ? 0 : 1);
  }
  t.true(clients.every(({ connected }) => connected));
  t.is(await accepted(), before, 'nobody had to come again');
});

test.serial('a topology that breaks a node is rolled back by itself, and the reason is told', async (t) => {
  await people(t, 10);
  const before = await accepted();
  const generation = await agreed();
  const old = await readFile(cluster.file, 'utf8');
  // No chat server is there: the balancers have nowhere to send anybody.
  await change(`${block.address(31)}:7000`, `${block.address(32)}:7000`);
  const { code, stdout, stderr } = await command('topology', 'apply', file, '--watch', '5s');
  t.is(code, 1);
  t.regex(stdout, /health became worse, rolling back: b[12] served \w+ for d1 and does not/);
  t.regex(stderr, new RegExp(`rolled back, as generation ${generation + 2}`));
  t.is(await agreed(), generation + 2);
  t.is(await readFile(cluster.file, 'utf8'), old);
  t.is(await connectionsOf('d1'), 10);
  t.is(await accepted(), before);
});
