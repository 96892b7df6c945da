import test from 'ava';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, HeadgateError } from '../../lib/errors/index.ts';
import { formatProblem, loadTopology, readTopology } from '../../topology/index.ts';
import { sampleText, sampleWith } from './sample.ts';
import { temporaryDirectory } from './temporary.ts';

async function told(path: string): Promise<string> {
  const result = await readTopology(path);
  return result.topology === undefined ? result.problems.map(formatProblem).join('\n') : 'ok';
}

test('a file is loaded, and its secret lies beside it', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'topology.yaml');
  await writeFile(path, sampleText);
  const { topology, warnings } = await loadTopology(path);
  t.deepEqual(topology.secret, { file: join(directory, 'cluster.key') });
  t.deepEqual(warnings, []);
});

test('a file that is missing, a directory, too large or not UTF-8 is a problem and no crash', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'topology.yaml');
  t.is(await told(path), `${path}:1:1: no such file`);
  t.is(await told(directory), `${directory}:1:1: expected a file, got a directory`);
  await writeFile(path, Buffer.from([0x61, 0xff, 0x62]));
  t.is(await told(path), `${path}:1:1: expected UTF-8 text, got other bytes`);
  await truncate(path, 4_194_305);
  t.is(await told(path), `${path}:1:1: expected a file of at most 4194304 bytes, got a larger one`);
});

test('a pipe that nobody writes into is a problem at once, with the cure', async (t) => {
  const pipe = join(await temporaryDirectory(t), 'topology.yaml');
  execFileSync('mkfifo', [pipe]);
  // Lets a reader go that waits for a writer, so that a failure does not hang.
  let hasHung = false;
  const release = setTimeout(() => {
    hasHung = true;
    closeSync(openSync(pipe, constants.O_RDWR));
  }, 10_000);
  t.teardown(() => clearTimeout(release));
  t.is(await told(pipe), `${pipe}:1:1: expected a file, got a pipe; write it to a file first`);
  t.false(hasHung);
});

test('loading an invalid file throws one error that names the first problem and counts the others', async (t) => {
  const path = join(await temporaryDirectory(t), 'topology.yaml');
  await writeFile(path, sampleWith('version: 1', 'version: 2').replace('10.0.1.1', 'b1.example'));
  const error = await t.throwsAsync(loadTopology(path), { instanceOf: HeadgateError });
  t.is(error.code, 'HEADGATE_TOPOLOGY_INVALID');
  t.is((error.facts['problems'] as readonly unknown[]).length, 2);
  t.is(
    describeError(error),
    `${path}:1:10: version: expected 1, the only version this headgate reads, got 2 (and 1 more problem); run headgate topology check ${path} to see all of them`,
  );
});
