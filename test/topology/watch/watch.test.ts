import test, { type ExecutionContext } from 'ava';
import { link, mkdir, open, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  formatProblem,
  watchTopology,
  type Topology,
  type TopologyWatch,
  type WatchOptions,
} from '../../../topology/index.ts';
import { sampleWith, valid } from '../sample.ts';
import { temporaryDirectory } from '../temporary.ts';
import { until } from '../until.ts';

/** What a watch told: `weight N` of b1, or the first problem, or `unchanged`. */
interface Watched {
  readonly told: string[];
  readonly watch: TopologyWatch;
  last(): string | undefined;
}

/** A file with b1 at this weight. */
function weighing(weight: number): string {
  return sampleWith('{ host: 10.0.1.1 }', `{ host: 10.0.1.1, weight: ${weight} }`);
}

function watching(t: ExecutionContext, path: string, options: WatchOptions = {}): Watched {
  const told: string[] = [];
  const watch = watchTopology(
    path,
    {
      onTopology: (topology: Topology) => told.push(`weight ${topology.balancers[0]?.weight}`),
      onProblems: ([problem]) => told.push(problem === undefined ? 'none' : formatProblem(problem)),
      onUnchanged: () => told.push('unchanged'),
    },
    // Polling out of the way: these tests are about what the kernel reports.
    { debounceMs: 10, pollMs: 60_000, ...options },
  );
  t.teardown(() => watch.close());
  return { told, watch, last: () => told.at(-1) };
}

async function tells(t: ExecutionContext, watched: Watched, what: string): Promise<void> {
  await until(`${what} after ${watched.told.join(', ')}`, () => watched.last()?.includes(what) === true);
  t.true(watched.last()?.includes(what));
}

async function started(t: ExecutionContext, options: WatchOptions = {}) {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'topology.yaml');
  await writeFile(path, weighing(1));
  const watched = watching(t, path, options);
  await tells(t, watched, 'weight 1');
  return { directory, path, watched };
}

test('an in-place write is told, again and again', async (t) => {
  const { path, watched } = await started(t);
  for (const weight of [2, 3, 4]) {
    await writeFile(path, weighing(weight));
    await tells(t, watched, `weight ${weight}`);
  }
  t.deepEqual(watched.told, ['weight 1', 'weight 2', 'weight 3', 'weight 4']);
});

test('a rename over the file is told, again and again', async (t) => {
  const { directory, path, watched } = await started(t);
  for (const weight of [2, 3, 4]) {
    await writeFile(join(directory, 'new'), weighing(weight));
    await rename(join(directory, 'new'), path);
    await tells(t, watched, `weight ${weight}`);
  }
});

test('a swapped symbolic link is told, and writes to its new target too', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'topology.yaml');
  for (const weight of [1, 2]) {
    await mkdir(join(directory, `v${weight}`));
    await writeFile(join(directory, `v${weight}`, 'file.yaml'), weighing(weight));
  }
  await symlink('v1/file.yaml', path);
  const watched = watching(t, path);
  await tells(t, watched, 'weight 1');
  await symlink('v2/file.yaml', join(directory, 'next'));
  await rename(join(directory, 'next'), path);
  await tells(t, watched, 'weight 2');
  await writeFile(join(directory, 'v2', 'file.yaml'), weighing(3));
  await tells(t, watched, 'weight 3');
});

test('a swapped directory link behind the link, as Kubernetes mounts files, is told, again and again', async (t) => {
  const directory = await temporaryDirectory(t);
  const publish = async (weight: number): Promise<void> => {
    await mkdir(join(directory, `..version-${weight}`));
    await writeFile(join(directory, `..version-${weight}`, 'topology.yaml'), weighing(weight));
    await symlink(`..version-${weight}`, join(directory, '..data_tmp'));
    await rename(join(directory, '..data_tmp'), join(directory, '..data'));
    if (weight > 1) await rm(join(directory, `..version-${weight - 1}`), { recursive: true });
  };
  await publish(1);
  await symlink('..data/topology.yaml', join(directory, 'topology.yaml'));
  const watched = watching(t, join(directory, 'topology.yaml'));
  await tells(t, watched, 'weight 1');
  for (const weight of [2, 3, 4]) {
    await publish(weight);
    await tells(t, watched, `weight ${weight}`);
  }
});

test('an invalid file is told once and the last good one stays; its repair is told', async (t) => {
  const { path, watched } = await started(t);
  await writeFile(path, 'version: 1\nbalancers: [');
  await tells(t, watched, 'not valid YAML');
  await writeFile(path, `${weighing(1)}# as before\n`);
  await tells(t, watched, 'unchanged');
  await writeFile(path, weighing(2));
  await tells(t, watched, 'weight 2');
  t.is(watched.told.length, 4);
});

test('a file that vanishes is a problem, and its return is told', async (t) => {
  const { path, watched } = await started(t);
  await unlink(path);
  await tells(t, watched, 'no such file');
  await writeFile(path, weighing(2));
  await tells(t, watched, 'weight 2');
});

test('a directory that vanishes is a problem, and its return is told', async (t) => {
  const directory = await temporaryDirectory(t);
  const inner = join(directory, 'etc');
  const path = join(inner, 'topology.yaml');
  await mkdir(inner);
  await writeFile(path, weighing(1));
  const watched = watching(t, path);
  await tells(t, watched, 'weight 1');
  await rm(inner, { recursive: true });
  await tells(t, watched, 'no such file');
  await mkdir(join(directory, 'next'));
  await writeFile(join(directory, 'next', 'topology.yaml'), weighing(2));
  await rename(join(directory, 'next'), inner);
  await tells(t, watched, 'weight 2');
});

test('comments, layout and a touched file are not told', async (t) => {
  const { path, watched } = await started(t);
  await writeFile(path, `# a comment\n${weighing(1)}`);
  await writeFile(path, `# another\n${weighing(1)}`);
  await watched.watch.reload();
  t.deepEqual(watched.told, ['weight 1', 'unchanged']);
});

test('a file written piece by piece is told only as a whole', async (t) => {
  const { path, watched } = await started(t, { debounceMs: 100 });
  const text = weighing(2);
  const handle = await open(path, 'w');
  for (let at = 0; at < text.length; at += 40) {
    await handle.write(text.slice(at, at + 40));
    await new Promise((done) => setTimeout(done, 5));
  }
  await handle.close();
  await tells(t, watched, 'weight 2');
  t.deepEqual(watched.told, ['weight 1', 'weight 2']);
});

test('a reload tells the state of the file also when nothing changed', async (t) => {
  const { path, watched } = await started(t);
  await watched.watch.reload();
  t.is(watched.last(), 'unchanged');
  await writeFile(path, weighing(5_000));
  await tells(t, watched, 'weight: expected');
  const count = watched.told.length;
  await watched.watch.reload();
  t.is(watched.told.length, count + 1);
  t.true(watched.last()?.includes('weight: expected'));
});

test('what the kernel does not report is found by polling', async (t) => {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, 'here'));
  await mkdir(join(directory, 'there'));
  const path = join(directory, 'here', 'topology.yaml');
  await writeFile(path, weighing(1));
  // Written under its other name, the file changes without an event in the directory that is watched.
  await link(path, join(directory, 'there', 'topology.yaml'));
  const watched = watching(t, path, { pollMs: 30 });
  await tells(t, watched, 'weight 1');
  await writeFile(join(directory, 'there', 'topology.yaml'), weighing(2));
  await tells(t, watched, 'weight 2');
});

test('a topology that runs already is not told, a change since it was loaded is', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'topology.yaml');
  await writeFile(path, weighing(2));
  const stale = watching(t, path, { running: valid(weighing(1), path) });
  const fresh = watching(t, path, { running: valid(weighing(2), path) });
  await tells(t, stale, 'weight 2');
  await fresh.watch.reload();
  t.deepEqual(fresh.told, ['unchanged']);
});

test('another place of the secret is told although the hash is the same', async (t) => {
  const { path, watched } = await started(t);
  await writeFile(path, weighing(1).replace('./cluster.key', './next.key'));
  await until('the second topology', () => watched.told.length === 2);
  t.is(watched.last(), 'weight 1');
});

test('nothing is told after close', async (t) => {
  const { path, watched } = await started(t);
  watched.watch.close();
  watched.watch.close();
  await writeFile(path, weighing(2));
  await watched.watch.reload();
  t.deepEqual(watched.told, ['weight 1']);
});
