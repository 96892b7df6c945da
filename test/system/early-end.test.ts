/** Nodes that are told to end while they start: they do, at every moment, and leave nothing behind. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { createSecretFile } from '../../topology/index.ts';
import { headgate, smallCluster } from '../cluster.ts';
import { takeLoopbackBlock } from '../loopback-block.ts';
import { runProgram } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const signalAt = fileURLToPath(new URL('signal-at.js', import.meta.url));

interface Place {
  readonly folder: string;
  readonly file: string;
  /** Of a program in which `node` is signalled at `moment`. */
  env(node: string, moment: string): Readonly<Record<string, string>>;
}

async function makePlace(t: ExecutionContext): Promise<Place> {
  const { services, directors, balancers, chatservers } = smallCluster(await takeLoopbackBlock(t));
  const folder = await temporaryFolder(t, {
    'topology.yaml': stringify({
      version: 1,
      cluster: 'test',
      secret: { file: './cluster.key' },
      hashKey: '000102030405060708090a0b0c0d0e0f',
      services,
      directors,
      balancers,
      chatservers,
    }),
  });
  await createSecretFile(path.join(folder, 'cluster.key'));
  return {
    folder,
    file: path.join(folder, 'topology.yaml'),
    env: (node, moment) => ({
      NODE_OPTIONS: `--import=${signalAt}`,
      HEADGATE_TEST_SIGNAL_NODE: node,
      HEADGATE_TEST_SIGNAL_AT: moment,
      HEADGATE_RUNTIME_DIR: path.join(folder, 'run'),
    }),
  };
}

/** Names of sockets and half-written files; what a node that was ready keeps of its topology stays. */
async function leftovers({ folder }: Place): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => !/^(cluster\.key|topology\.yaml|run(\/state(\/[^/]*\.json)?)?)$/.test(name));
}

/** Moments of signal-at.ts after which a node waits for more before it is ready; after the others it may be ready first. */
const early: readonly string[] = ['handlers', 'topology', 'secret'];

/** The start is the same in all tiers, but for what listens and runs beside. */
for (const [command, name, moments] of [
  ['director', 'd1', [...early, 'first listener']],
  ['balancer', 'b1', ['runtime directory']],
  ['chatserver-stub', 'c1', ['admin socket']],
] as const)
  test(`SIGTERM at any moment of its start ends a ${command} with exit code 0, and leaves nothing`, async (t) => {
    t.timeout(120_000);
    const place = await makePlace(t);
    const argv = [...headgate, command, '--topology', place.file, '--node', name];
    for (const moment of moments) {
      const isEarly = early.includes(moment);
      const { code, signal, stdout, stderr } = await runProgram(argv, { env: place.env(command, moment) });
      t.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' }, moment);
      t.regex(stdout, isEarly ? /SIGTERM while starting: ending now/ : /SIGTERM/, moment);
      if (isEarly) t.notRegex(stdout, /is ready/, moment);
      t.deepEqual(await leftovers(place), [], moment);
    }
  });

test('Ctrl-C while the nodes of up start ends them all, and leaves nothing', async (t) => {
  t.timeout(120_000);
  const place = await makePlace(t);
  for (const moment of ['secret']) {
    const { code, stdout } = await runProgram([...headgate, 'up', place.file], {
      env: place.env('director', moment),
    });
    t.is(code, 0, stdout);
    t.regex(stdout, /everything has ended/, moment);
    t.deepEqual(await leftovers(place), [], moment);
  }
});
