/** Roll-outs over several hosts, each with its own copy of the files, while a thousand people talk. */
import { appendFile, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import type { ClusterStatus } from '../../node/index.ts';
import { headgate } from '../cluster.ts';
import { createLab, probeLab, type Lab } from '../lab/index.ts';
import { outputOf, type Output, type Program } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { testUnless } from '../test-unless.ts';
import { until } from '../until.ts';
import { RemoteCommands } from './remote-commands.ts';
import { RemoteSwarm } from './remote-swarm.ts';

const labTest = testUnless(probeLab());
const chatters = 1_000;
const vip = { host: '10.81.0.1', port: 9000 };
const hosts = {
  client: ['10.81.9.1', '10.81.9.2'],
  admin: ['10.81.9.9'],
  d1: [vip.host],
  b1: ['10.81.1.1'],
  b2: ['10.81.1.2'],
  b3: ['10.81.1.3'],
  b4: ['10.81.1.4'],
  c1: ['10.81.2.1'],
  c2: ['10.81.2.2'],
};
const tierCommands: Readonly<Record<string, string>> = { d: 'director', b: 'balancer', c: 'chatserver-stub' };

const balancer = (number: number) => ({ host: `10.81.1.${number}`, workers: 1 });
const first = stringify({
  version: 1,
  cluster: 'test',
  secret: { file: './cluster.key' },
  hashKey: '000102030405060708090a0b0c0d0e0f',
  // A test machine may be slow: nobody is given up on while it waits.
  heartbeat: { deadAfter: '5m' },
  services: { chat: { listen: `${vip.host}:${vip.port}` } },
  directors: { d1: { host: vip.host } },
  balancers: { b1: balancer(1), b2: balancer(2), b3: balancer(3) },
  chatservers: { c1: { address: '10.81.2.1:7000' }, c2: { address: '10.81.2.2:7000' } },
});

/** What `topology show --json` prints. */
interface Shown {
  readonly generation: number;
  readonly topology: string;
  readonly nodes: readonly {
    readonly node: string;
    readonly topology: string | null;
    readonly holds: { readonly generation: number; readonly staged: unknown } | null;
  }[];
}

interface Hosts {
  readonly lab: Lab;
  /** The operator's copy of the topology. */
  readonly file: string;
  fileOf(name: string): string;
  readonly d1: Program;
  start(name: string): Promise<Program>;
  /** Runs `headgate topology` on the operator's host. */
  headgate(...words: string[]): Promise<Output>;
  /** The same without `topology` before the words. */
  command(...words: string[]): Promise<Output>;
  /** Waits until the nodes that answer, `names` among them, run one generation with nothing staged. */
  agreed(names: readonly string[]): Promise<number>;
}

async function startHosts(t: ExecutionContext): Promise<Hosts> {
  const lab = await createLab(t, { hosts });
  const folder = await temporaryFolder(t);
  const key = path.join(folder, 'cluster.key');
  await outputOf([...headgate, 'topology', 'new-secret', key]);
  const place = async (name: string): Promise<string> => {
    const home = path.join(folder, name);
    await mkdir(home);
    await copyFile(key, path.join(home, 'cluster.key'));
    await writeFile(path.join(home, 'topology.yaml'), first);
    return path.join(home, 'topology.yaml');
  };
  await Promise.all(Object.keys(hosts).map(place));
  const fileOf = (name: string): string => path.join(folder, name, 'topology.yaml');
  const envOf = (name: string) => ({ HEADGATE_RUNTIME_DIR: path.join(folder, name, 'run') });
  const start = async (name: string): Promise<Program> => {
    const argv = [...headgate, tierCommands[name[0]!]!, '--topology', fileOf(name), '--node', name];
    const program = await lab.spawn(name, argv, { env: envOf(name) });
    await program.line(new RegExp(`${name} is ready`), { timeoutMs: 45_000 });
    return program;
  };
  const commands = await RemoteCommands.start(
    (argv, options) => lab.spawn('admin', argv, options),
    envOf('admin'),
  );
  const run = (...words: string[]): Promise<Output> => commands.run(['topology', ...words]);
  const nodes = await Promise.all(['d1', 'b1', 'b2', 'b3', 'c1', 'c2'].map(start));
  return {
    lab,
    file: fileOf('admin'),
    fileOf,
    d1: nodes[0]!,
    start,
    headgate: run,
    command: (...words) => commands.run(words),
    agreed: async (names) =>
      until(
        async () => {
          const { stdout } = await run('show', '--json', '--cluster', fileOf('admin'));
          const shown = JSON.parse(stdout) as Shown;
          const answering = shown.nodes.filter(({ holds }) => holds !== null);
          return (
            names.every((name) => answering.some(({ node }) => node === name)) &&
            answering.every(
              ({ topology, holds }) =>
                topology === shown.topology &&
                holds!.generation === shown.generation &&
                holds!.staged === null,
            ) &&
            shown.generation
          );
        },
        { describe: `one generation on ${names.join(', ')}`, timeoutMs: 40_000, everyMs: 200 },
      ),
  };
}

/** Holds so many connections to the VIP, and says so. */
const visitors = `
  let left = 24;
  for (let index = left; index > 0; index--)
    require('net').connect(${vip.port}, '${vip.host}', () => --left || console.log('all are in'))
      .on('error', (error) => console.log(error.code));`;

/** When a line was written: milliseconds since 1970. */
function timeOf({ text }: { readonly text: string }): number {
  return (JSON.parse(text) as { readonly time: number }).time;
}

labTest(
  'a thousand chatters on several hosts notice no roll-out: grown, drained, cut off, broken, killed, contended',
  async (t) => {
    t.timeout(240_000);
    const running = await startHosts(t);
    const { lab, file, d1 } = running;
    const crowd = await RemoteSwarm.start((argv, options) => lab.spawn('client', argv, options));
    const done = async (output: Promise<Output>): Promise<Output> => {
      const { code, stdout, stderr } = await output;
      t.is(code, 0, stderr + stdout);
      return { code, stdout, stderr, signal: null };
    };
    await crowd.order({
      do: 'open',
      ...vip,
      chatters,
      speakers: 2,
      localAddresses: hosts.client,
      atOnce: 100,
      timeoutMs: 60_000,
    });
    await crowd.order({ do: 'talk', everyMs: 4_000 });

    // One command adds a balancer; every host has the new text, and the new host only has to start it.
    await done(running.headgate('add', 'balancer', 'b4', '--host', '10.81.1.4', '--watch', '0s', file));
    await copyFile(file, running.fileOf('b4'));
    const b4 = await running.start('b4');
    const isServing = await b4.line(/chat: serving/);
    const isTaken = await d1.line(/new connections go to b1, b2, b3, b4/);
    const delayMs = timeOf(isTaken) - timeOf(isServing);
    t.true(delayMs >= 0, 'nobody is sent to a balancer that does not serve yet');
    t.log(`new connections went to b4 ${delayMs} ms after it served`);
    t.is(await running.agreed(['b1', 'b2', 'b3', 'b4', 'c1', 'c2', 'd1']), 1);
    t.is(await readFile(running.fileOf('c2'), 'utf8'), await readFile(file, 'utf8'));
    const { stdout } = await done(running.headgate('plan', file, '--json'));
    t.is((JSON.parse(stdout) as { connections: { total: number } }).connections.total, chatters);

    const guests = await lab.spawn('client', [process.execPath, '-e', visitors]);
    await guests.line(/all are in/);
    const onB4 = async (): Promise<number> => {
      const { stdout: status } = await running.command('status', '--json', '--topology', file);
      const { nodes } = JSON.parse(status) as ClusterStatus;
      return nodes.find(({ node }) => node === 'b4')?.status?.connections ?? Number.NaN;
    };
    await until(async () => (await onB4()) > 0, { describe: 'new connections to reach b4', everyMs: 100 });
    await guests.end();
    await until(async () => (await onB4()) === 0, { describe: 'the guests to be gone', everyMs: 100 });

    // A host that dies is taken out of the topology while it is dead.
    await b4.end();
    await d1.line(/new connections go to b1, b2, b3 \(b4 /);
    const removed = await done(running.headgate('remove', 'b4', '--watch', '0s', file));
    t.regex(removed.stdout, /b4 is removed/);
    t.is(await running.agreed(['b1', 'b2', 'b3', 'c1', 'c2', 'd1']), 2);
    await d1.line(/balancer b4@10\.81\.1\.4 was removed and has no connection left/);
    t.notRegex((await done(running.headgate('show', '--cluster', file))).stdout, /b4/);

    // A drain, and a host that is cut off meanwhile: it is up for nobody, is skipped, and catches up when healed.
    await lab.cutOff('c2');
    const stopped = await running.headgate('drain', 'b2', '--watch', '0s', file);
    if (stopped.code !== 0) {
      t.regex(stopped.stderr, /c2 is up for b\d.* but does not answer/);
      await done(running.headgate('drain', 'b2', '--watch', '0s', '--skip', 'c2', file));
    }
    t.is(await running.agreed(['b1', 'b2', 'b3', 'c1', 'd1']), 3);
    await lab.heal('c2');
    t.is(await running.agreed(['b1', 'b2', 'b3', 'c1', 'c2', 'd1']), 3);
    // Whoever differs is marked, until the next roll-out.
    await appendFile(running.fileOf('b3'), 'grace: 77s\n');
    const shown = await until(
      async () => {
        const output = await running.headgate('show', '--cluster', file);
        return output.stdout.includes('changed by hand') && output;
      },
      { describe: 'the change by hand to be shown', everyMs: 200 },
    );
    t.regex(shown.stdout, /^b3 +balancer +3 +[0-9a-f]{16} \* +file changed by hand$/m);
    t.regex(shown.stdout, /generation 3 \([0-9a-f]{16}\) is the newest; 1 of 6 nodes differ/);
    await done(running.headgate('undrain', 'b2', '--watch', '0s', file));

    // The applier is killed while it stages; two apply at once.
    const heavier = (weight: number): Promise<string> =>
      readFile(file, 'utf8').then((text) => text.replace('workers: 1', `workers: 1\n    weight: ${weight}`));
    const candidates = [2, 3].map((weight) => `${file}.${weight}`);
    await writeFile(candidates[0]!, await heavier(2));
    await writeFile(candidates[1]!, await heavier(3));
    const applier = await lab.spawn('admin', [...headgate, 'topology', 'apply', candidates[0]!]);
    await applier.line(/b2 has staged it/);
    applier.signal('SIGKILL');
    await applier.exited;
    const settled = await running.agreed(['b1', 'c1', 'c2', 'd1']);
    const outcomes = await Promise.all(
      candidates.map((candidate) => running.headgate('apply', candidate, '--watch', '0s')),
    );
    t.true(
      outcomes.some(({ code }) => code === 0),
      outcomes.map(({ stderr }) => stderr).join('\n'),
    );
    for (const { code, stderr } of outcomes)
      if (code !== 0) t.regex(stderr, /rolling out generation|refuses the roll-out|the plan was made for/);
    const contended = await running.agreed(['b1', 'b2', 'b3', 'c1', 'c2', 'd1']);
    t.true(contended > settled);

    // A topology that breaks the balancers is rolled back by itself.
    const broken = (await readFile(running.fileOf('d1'), 'utf8')).replaceAll('10.81.2.', '10.81.3.');
    await writeFile(candidates[0]!, broken);
    const bad = await running.headgate('apply', candidates[0]!, '--watch', '5s');
    t.is(bad.code, 1);
    t.regex(bad.stderr, /rolled back, as generation/);
    t.is(await running.agreed(['b1', 'b2', 'b3', 'c1', 'c2', 'd1']), contended + 2);

    await crowd.order({ do: 'hush' });
    const calm = await crowd.order({ do: 'settled', timeoutMs: 60_000 });
    t.deepEqual(calm.problems, []);
    t.deepEqual(calm.lost, { expected: 0, unexpected: 0 });
    t.is(calm.connected, chatters);
  },
);
