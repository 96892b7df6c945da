import test from 'ava';
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HeadgateError } from '../../../lib/errors/index.ts';
import { replaceFile } from '../../../topology/index.ts';
import { temporaryDirectory } from '../temporary.ts';

test('the file is replaced as a whole, keeps its mode, and nothing else is left', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'topology.yaml');
  await writeFile(path, 'old');
  await chmod(path, 0o640);
  const { ino } = await stat(path);
  await replaceFile(path, 'old', 'new');
  const after = await stat(path);
  t.is(await readFile(path, 'utf8'), 'new');
  t.is(after.mode & 0o777, 0o640);
  t.not(after.ino, ino);
  t.deepEqual(await readdir(directory), ['topology.yaml']);
});

test('a symbolic link stays one, and the file it leads to is replaced', async (t) => {
  const directory = await temporaryDirectory(t);
  const link = join(directory, 'topology.yaml');
  await mkdir(join(directory, 'real'));
  await writeFile(join(directory, 'real', 'file.yaml'), 'old');
  await symlink('real/file.yaml', link);
  await replaceFile(link, 'old', 'new');
  t.true((await lstat(link)).isSymbolicLink());
  t.is(await readFile(join(directory, 'real', 'file.yaml'), 'utf8'), 'new');
  t.deepEqual(await readdir(join(directory, 'real')), ['file.yaml']);
});

test('a file that somebody else changed meanwhile is left alone', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'topology.yaml');
  await writeFile(path, 'theirs');
  const error = await t.throwsAsync(replaceFile(path, 'old', 'new'), { instanceOf: HeadgateError });
  t.is(error.code, 'HEADGATE_TOPOLOGY_CHANGED_MEANWHILE');
  t.is(await readFile(path, 'utf8'), 'theirs');
  t.deepEqual(await readdir(directory), ['topology.yaml']);
});

test('a file that is not there cannot be replaced', async (t) => {
  const path = join(await temporaryDirectory(t), 'topology.yaml');
  const error = await t.throwsAsync(replaceFile(path, 'old', 'new'), { instanceOf: HeadgateError });
  t.is(error.code, 'HEADGATE_TOPOLOGY_UNWRITABLE');
});
