/** One machine: nodes that are stopped, and what `up` says and keeps to itself. */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { ChatClient } from '../../chatserver-stub/index.ts';
import { connectControl, ControlKey } from '../../lib/control/index.ts';
import { readSecret } from '../../topology/index.ts';
import { headgate, startCluster, type ClusterSpec } from '../cluster.ts';
import { takeLoopbackBlock, type LoopbackBlock } from '../loopback-block.ts';
import { outputOf, startProgram, type Program } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { nodeStatus, statusOf, untilState, viewsOf } from './cluster-view.ts';

const oneOfEach = (block: LoopbackBlock): ClusterSpec => ({
  services: { chat: { listen: `${block.address(1)}:9000` } },
  directors: { d1: { host: block.address(11) } },
  balancers: { b1: { host: block.address(21), workers: 1 } },
  chatservers: { c1: { address: `${block.address(31)}:7000` } },
});

test.serial(
  'a stopped balancer is down after three misses, and its connections live on when it continues',
  async (t) => {
    t.timeout(120_000);
    const block = await takeLoopbackBlock(t);
    const cluster = await startCluster(t, oneOfEach(block));
    for (const name of ['b1', 'c1']) await untilState(cluster, name, 'up');
    const person = new ChatClient({ host: block.address(1), port: 9000, name: 'ann' });
    t.teardown(() => person.close());
    await until(() => person.connected, { describe: 'ann to be logged in' });

    const [d1, b1] = [cluster.node('d1'), cluster.node('b1')];
    const from = d1.nextLine;
    b1.signal('SIGSTOP');
    await d1.line(/b1\S* is down: 3 misses/, { from });
    b1.signal('SIGCONT');
    await d1.line(/b1\S* is up/, { from });
    await person.say('still here');
    const status = await statusOf(cluster);
    t.is(nodeStatus(status, 'd1')!.accepted, 1, 'ann did not reconnect');
    t.is(nodeStatus(status, 'b1')!.counters['workersDied'], 0);
  },
);

/** What takes every privilege from a program that root starts. */
const unprivileged =
  process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all', '--securebits=+noroot'] : [];

/** Runs `up` without any privilege, and where the optional package raw-socket cannot be loaded. */
async function upWithoutAnything(
  t: Parameters<typeof startProgram>[0],
  file: string,
  env: Readonly<Record<string, string>>,
): Promise<Program> {
  const refuse = `export async function resolve(specifier, context, next) {
    if (specifier === 'raw-socket') throw new Error('absent');
    return next(specifier, context);
  }`;
  const hooks = `data:text/javascript,${encodeURIComponent(refuse)}`;
  const register = `import { register } from 'node:module'; register(${JSON.stringify(hooks)});`;
  const flag = `--import=data:text/javascript,${encodeURIComponent(register)}`;
  const up = [headgate[0]!, flag, headgate[1]!, 'up', file, '--log-level', 'debug'];
  return startProgram(t, [...unprivileged, ...up], { env });
}

test.serial(
  'up needs no privileges, says once that raw-socket is missing, starts and ends chat servers, and never shows the secret',
  async (t) => {
    t.timeout(120_000);
    const block = await takeLoopbackBlock(t);
    const folder = await temporaryFolder(t, {
      'topology.yaml': [
        'version: 1',
        'cluster: test',
        'secret: { file: ./cluster.key }',
        `services: { chat: { listen: ${block.address(1)}:9000 } }`,
        `directors: { d1: { host: ${block.address(11)} } }`,
        `balancers: { b1: { host: ${block.address(21)} } }`,
        'chatservers:',
        `  c1: { address: ${block.address(31)}:7000 }`,
        `  c2: { address: ${block.address(32)}:7000 }`,
        '',
      ].join('\n'),
    });
    const file = path.join(folder, 'topology.yaml');
    const env = { HEADGATE_RUNTIME_DIR: path.join(folder, 'run') };
    const up = await upWithoutAnything(t, file, env);
    await up.line(/cluster test is up/, { timeoutMs: 60_000 });

    // Something for every node to log: a person, a stranger with another key, a change, an end.
    const person = new ChatClient({ host: block.address(1), port: 9000, name: 'ann' });
    t.teardown(() => person.close());
    await until(() => person.connected, { describe: 'ann to be logged in' });
    const stranger = {
      key: ControlKey.fromSecret(Buffer.alloc(32, 1)),
      cluster: 'test',
      node: 'd1',
      timeoutMs: 5_000,
    };
    for (const host of [11, 21, 31])
      await t.throwsAsync(
        connectControl({ ...stranger, endpoint: { host: block.address(host), port: 7400 } }),
        {
          code: 'HEADGATE_CONTROL_KEY_MISMATCH',
        },
      );
    const { pid, workers } = nodeStatus(await statusOf({ env }), 'b1')!;
    t.is(workers!.length, availableParallelism(), 'a worker per core');
    if (process.platform === 'linux')
      t.regex(await readFile(`/proc/${pid}/status`, 'utf8'), /^CapEff:\t0+$/m, 'no privileges');

    const told = [up.lines.map(({ text }) => text).join('\n')];
    const asked = await outputOf([...headgate, 'status', '--json', '--topology', file], { env });
    const leaving = (
      await until(
        async () => {
          const views = viewsOf(await statusOf({ env }), 'c1');
          return views.length > 0 && views;
        },
        { describe: 'b1 to tell of c1' },
      )
    ).some(({ connections }) => connections > 0)
      ? 'c2'
      : 'c1';
    told.push(
      asked,
      await outputOf([...headgate, 'topology', 'remove', leaving, '--watch', '0s', file], { env }),
    );
    await up.line(new RegExp(`${leaving} was removed and has ended`));
    const added = ['c3', '--address', `${block.address(33)}:7000`, '--watch', '0s', file];
    told.push(await outputOf([...headgate, 'topology', 'add', 'chatserver', ...added], { env }));
    await untilState({ env }, 'c3', 'up');
    person.close();
    up.signal('SIGINT');
    await up.line(/everything has ended/);
    await up.exited;
    told.push(up.lines.map(({ text }) => text).join('\n'));

    const all = told.join('\n');
    const polite = all.split('\n').filter((line) => line.includes('raw-socket'));
    t.is(new Set(polite).size, 1);
    t.regex(polite[0]!, /optional .* does not need it/);
    t.is(up.lines.filter(({ text }) => text.includes('raw-socket')).length, 1, 'once');
    t.regex(all, /DEBUG/);
    t.regex(all, /another key|key id|keys differ/i);
    const written = (await readFile(path.join(folder, 'cluster.key'), 'utf8')).trim();
    const bytes = Buffer.from(await readSecret({ file: path.join(folder, 'cluster.key') }, {}));
    const { psk } = ControlKey.fromSecret(bytes);
    const forms = [bytes, psk].flatMap((each) => [
      each.toString('hex'),
      each.toString('base64'),
      each.toString('base64url'),
    ]);
    for (const form of [written, ...forms]) t.false(all.includes(form));
  },
);

test.serial('a host whose environment says so carries bytes on the portable engine', async (t) => {
  t.timeout(120_000);
  const block = await takeLoopbackBlock(t);
  const cluster = await startCluster(t, oneOfEach(block), (_name, argv, options) =>
    startProgram(t, argv, { ...options, env: { ...options.env, HEADGATE_ENGINE: 'node' } }),
  );
  for (const name of ['b1', 'c1']) await untilState(cluster, name, 'up');
  const person = new ChatClient({ host: block.address(1), port: 9000, name: 'ann' });
  t.teardown(() => person.close());
  await until(() => person.connected, { describe: 'ann to be logged in' });
  await person.say('hello');
  const status = await statusOf(cluster);
  for (const name of ['d1', 'b1']) {
    t.deepEqual(nodeStatus(status, name)!.engine, { name: 'node', reason: 'engine node: asked for' });
  }
});
