/** `headgate up` as a newcomer uses it: one command, people who chat, a file that changes, nodes that die. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { Cluster } from '../cluster.ts';
import { headgate } from '../cluster.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { isRunning, outputOf, runProgram, startProgram, type Program, type Teardown } from '../processes.ts';
import { Scope } from '../scope.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { nodeStatus, statusOf, untilAgreed, untilState, viewsOf } from './cluster-view.ts';

const example = fileURLToPath(new URL('../../../examples/local/topology.yaml', import.meta.url));

interface Running extends Pick<Cluster, 'env' | 'file'> {
  readonly up: Program;
  readonly vip: string;
  /** Another balancer's address. */
  readonly spareHost: string;
}

/** The committed example on addresses of its own, brought up. */
async function bringUp(t: Teardown): Promise<Running> {
  const block = await takeLoopbackBlock(t);
  const addresses: Readonly<Record<string, number>> = {
    '127.0.0.1': 1,
    '127.0.1.1': 11,
    '127.0.1.2': 12,
    '127.0.2.1': 21,
    '127.0.2.2': 22,
    '127.0.2.3': 23,
  };
  const text = (await readFile(example, 'utf8')).replaceAll(/127\.0\.\d\.\d/g, (address) =>
    address in addresses ? block.address(addresses[address]!) : address,
  );
  const folder = await temporaryFolder(t, { 'topology.yaml': text });
  const file = path.join(folder, 'topology.yaml');
  const env = { HEADGATE_RUNTIME_DIR: path.join(folder, 'run') };
  const up = await startProgram(t, [...headgate, 'up', file], { env });
  await up.line(/cluster chat is up: 1 director, 2 balancers, 3 chat servers/, { timeoutMs: 60_000 });
  await up.line(/stop\s+Ctrl-C/);
  return { up, file, env, vip: `${block.address(1)}:9000`, spareHost: block.address(13) };
}

/** The chat client as a person would start it, with lines to type. */
async function chat(t: ExecutionContext, { vip, env }: Running, name: string): Promise<Program> {
  const program = await startProgram(t, [...headgate, 'chat', vip, '--name', name], { env });
  await program.line(new RegExp(`you are ${name} on c\\d`));
  return program;
}

/** The first pair of items for which `key` differs. */
function differing<Item>(items: readonly Item[], key: (item: Item) => string): readonly [Item, Item] {
  for (const one of items) for (const other of items) if (key(one) !== key(other)) return [one, other];
  throw new Error('they are all alike');
}

const pidOf = async (running: Running, name: string): Promise<number> =>
  nodeStatus(await statusOf(running), name)!.pid;

const scope = new Scope();
/** What the tests share until the one that ends it. */
let running: Running;
test.before(async (t) => {
  t.timeout(120_000);
  running = await bringUp(scope);
});
test.after.always(() => scope.close());

test.serial('what is wrong in the file is told with its place, and everything keeps serving', async (t) => {
  const { up, file, env } = running;
  const ann = await chat(t, running, 'ann');
  const { topology } = await statusOf(running);
  const good = await readFile(file, 'utf8');
  const from = up.nextLine;
  await writeFile(file, good.replace('balancing:', 'balancin:'));
  await up.line(/d1 .*topology\.yaml:\d+:\d+: services\.chat\.balancin: .*did you mean balancing\?/, {
    from,
  });
  await up.line(/up +\| the changed topology is not valid/, { from });
  const check = await runProgram([...headgate, 'topology', 'check', file], { env });
  t.is(check.code, 2);
  t.regex(check.stderr, /topology\.yaml:\d+:\d+: services\.chat\.balancin: /);
  t.is((await statusOf(running)).topology, topology);
  await writeFile(file, good);
  await up.line(/the topology is unchanged/, { from });
  const bob = await chat(t, running, 'bob');
  bob.write('all is well');
  await ann.line(/bob@c\d: all is well/);
});

test.serial(
  'killed nodes are noticed at once, started again and used again; a killed worker is replaced',
  async (t) => {
    t.timeout(120_000);
    const { up } = running;
    for (const [name, watcher] of [
      ['c2', 'b1'],
      ['b1', 'd1'],
    ] as const) {
      const from = up.nextLine;
      const pid = await pidOf(running, name);
      process.kill(pid, 'SIGKILL');
      await up.line(new RegExp(`${watcher} .*${name}\\S* is down and dead: .*refused`), { from });
      await up.line(new RegExp(`${name} has ended \\(signal SIGKILL\\); starting it again in`), { from });
      await untilState(running, name, 'up');
      t.not(await pidOf(running, name), pid);
    }

    const { pid, workers } = nodeStatus(await statusOf(running), 'b2')!;
    process.kill(workers![0]!.pid, 'SIGSTOP');
    process.kill(workers![1]!.pid, 'SIGKILL');
    const replaced = await until(
      async () => {
        const now = nodeStatus(await statusOf(running), 'b2')!;
        const gone = workers!.every((worker) => !now.workers!.some((other) => other.pid === worker.pid));
        return gone && now.workers!.length === workers!.length && now;
      },
      { describe: 'the workers of b2 to be replaced', timeoutMs: 30_000 },
    );
    t.is(replaced.pid, pid, 'the balancer itself lives on');
    const ann = await chat(t, running, 'ann');
    ann.write('/quit');
    t.is((await ann.exited).code, 0);
  },
);

test.serial(
  'a node that cannot start is told in one line with the cure, and nothing stays behind',
  async (t) => {
    const folder = await temporaryFolder(t, {
      'topology.yaml': (await readFile(running.file, 'utf8')).replace('cluster: chat', 'cluster: other'),
    });
    const second = await runProgram([...headgate, 'up', path.join(folder, 'topology.yaml')], {
      env: { HEADGATE_RUNTIME_DIR: path.join(folder, 'run') },
      timeoutMs: 60_000,
    });
    t.is(second.code, 1);
    t.regex(second.stderr, /^headgate: \w+ did not start .*(listens|in use|taken).*$/m);
    t.notRegex(second.stdout + second.stderr, /\n\s+at /, 'no stack trace');
  },
);

test.serial(
  'one command brings up the example, people talk over all tiers, and Ctrl-C ends everything',
  async (t) => {
    const { up, file, env, vip } = running;
    await up.line(new RegExp(`npx headgate chat ${vip.replaceAll('.', '\\.')} --name ann`));
    await up.line(/npx headgate topology add balancer b3 --host /);
    t.is((await stat(path.join(path.dirname(file), 'cluster.key'))).mode & 0o777, 0o600);

    const serverOf = (program: Program): string => /on (c\d)/.exec(program.lines[0]!.text)![1]!;
    // Each balancer takes the chat servers in turn: of three people two are on different ones.
    const people = {
      ann: await chat(t, running, 'ann'),
      bob: await chat(t, running, 'bob'),
      cat: await chat(t, running, 'cat'),
    };
    const [[one, first], [other, second]] = differing(Object.entries(people), ([, program]) =>
      serverOf(program),
    );
    first.write(`hello ${other}`);
    await second.line(new RegExp(`${one}@${serverOf(first)}: hello ${other}`));
    second.write(`/tell ${one} psst`);
    await first.line(new RegExp(`${other}@${serverOf(second)}.*psst`));
    const asked = first.nextLine;
    first.write('/who');
    await first.line(/here: (?=.*ann@c\d)(?=.*bob@c\d).*cat@c\d/, { from: asked });
    await people.ann.line(/\* cat came, on c\d/);

    const table = await outputOf([...headgate, 'status'], { env });
    t.regex(table, /^TIER +NODE +STATE +MISSES +CONNECTIONS +LIMIT +NEW\/S +TOPOLOGY$/m);
    t.regex(table, /^director +d1 +up +- +3 +\d+ +\d+\.\d +[0-9a-f]{16}$/m);
    for (const node of ['b1', 'b2', 'c1', 'c2', 'c3'])
      t.regex(table, new RegExp(`${node} +up +0 +\\d+ +\\d+ +\\d+\\.\\d +[0-9a-f]{16}$`, 'm'));
    const remote = await outputOf([...headgate, 'status', '--json', '--topology', file], { env });
    t.is((JSON.parse(remote) as { nodes: unknown[] }).nodes.length, 6);
    t.regex(
      await outputOf([...headgate, 'explain', '198.51.100.7:40123'], { env }),
      /198\.51\.100\.7:40123 to service chat[^]*slot \d+ of 65537[^]*balancer +b[12] /,
    );

    const pids = (await statusOf(running)).nodes.flatMap(({ status }) => [
      status!.pid,
      ...(status!.workers ?? []).map(({ pid }) => pid),
    ]);
    t.is(pids.length, 6 + 2 * nodeStatus(await statusOf(running), 'b1')!.workers!.length);
    up.signal('SIGINT');
    await up.line(/everything has ended/);
    t.deepEqual(await up.exited, { code: 0, signal: null });
    t.deepEqual(pids.filter(isRunning), []);
    await people.ann.line(/connection lost, reconnecting/);
  },
);

test.serial('the file grows, drains and shrinks the cluster while people stay connected', async (t) => {
  t.timeout(120_000);
  const running = await bringUp(t);
  const { up, file, env, spareHost } = running;
  const ann = await chat(t, running, 'ann');
  const edit = async (...words: string[]): Promise<void> => {
    await outputOf([...headgate, 'topology', ...words, '--watch', '0s', file], { env });
    await untilAgreed(running);
  };

  const comments = (await readFile(file, 'utf8')).match(/#.*/g);
  await edit('add', 'balancer', 'b3', '--host', spareHost);
  await untilState(running, 'b3', 'up');
  t.deepEqual((await readFile(file, 'utf8')).match(/#.*/g), comments, 'comments stay');
  await edit('set-weight', 'b3', '2');
  await edit('drain', 'b1');
  await edit('drain', 'b2');
  await until(
    async () => {
      const status = await statusOf(running);
      return ['b1', 'b2'].every((name) => viewsOf(status, name).every(({ draining }) => draining));
    },
    { describe: 'b1 and b2 to drain' },
  );
  const bob = await chat(t, running, 'bob');
  await until(async () => nodeStatus(await statusOf(running), 'b3')?.connections === 1, {
    describe: 'b3, which alone takes new ones, to have bob',
  });

  // Removed: each drains, then its process ends. The one that ann is on lives as long as she stays.
  const before = await statusOf(running);
  const annOn = nodeStatus(before, 'b1')!.connections === 1 ? 'b1' : 'b2';
  const idle = annOn === 'b1' ? 'b2' : 'b1';
  const annPid = nodeStatus(before, annOn)!.pid;
  await edit('undrain', 'b1');
  await edit('remove', idle);
  await up.line(new RegExp(`${idle} was removed and has ended`));
  await edit('remove', annOn);
  await until(async () => viewsOf(await statusOf(running), annOn).some(({ draining }) => draining), {
    describe: `${annOn} to drain`,
  });
  ann.write('still here');
  await bob.line(/ann@c\d: still here/);
  t.true(isRunning(annPid));
  ann.write('/quit');
  await up.line(new RegExp(`${annOn} was removed and has ended`));
  bob.write('/quit');
  t.is((await bob.exited).code, 0);
});
