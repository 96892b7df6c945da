import test from 'ava';
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HeadgateError } from '../../../lib/errors/index.ts';
import { fileSource, readTopologyText, replaceFile } from '../../../topology/index.ts';
import { writeTopologyFile } from '../../../topology/edit/replace-file.ts';
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

test('a byte order mark stays, and is no change', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'topology.yaml');
  await writeFile(path, '\uFEFFold');
  t.is((await readTopologyText(path)).text, 'old');
  await replaceFile(path, 'old', 'new');
  t.is(await readFile(path, 'utf8'), '\uFEFFnew');
  // Another node of the machine has written the same.
  await writeTopologyFile(path, 'old', 'new');
  const error = await t.throwsAsync(replaceFile(path, 'old', 'newer'), { instanceOf: HeadgateError });
  t.is(error.code, 'HEADGATE_TOPOLOGY_CHANGED_MEANWHILE');
  // Whoever reads it with the mark takes it away, and may.
  await replaceFile(path, '\uFEFFnew', 'plain');
  t.is(await readFile(path, 'utf8'), 'plain');
  t.deepEqual(await readdir(directory), ['topology.yaml']);
});

test('a symbolic link that leads to nothing stays one, and the file is made where it leads', async (t) => {
  const directory = await temporaryDirectory(t);
  const link = join(directory, 'etc', 'topology.yaml');
  for (const name of ['etc', 'srv', 'srv/data']) await mkdir(join(directory, name));
  await symlink('current/topology.yaml', link);
  await symlink('../srv/data', join(directory, 'etc', 'current'));
  // From where the link really lies; by the path it was found on this would be etc/real.yaml.
  await symlink('../real.yaml', join(directory, 'srv', 'data', 'topology.yaml'));
  await fileSource(link).write('new');
  t.is(await readFile(join(directory, 'srv', 'real.yaml'), 'utf8'), 'new');
  t.deepEqual((await readdir(join(directory, 'etc'))).toSorted(), ['current', 'topology.yaml']);
  t.deepEqual((await readdir(join(directory, 'srv'))).toSorted(), ['data', 'real.yaml']);
  t.true((await lstat(join(directory, 'srv', 'data', 'topology.yaml'))).isSymbolicLink());
  t.true((await lstat(link)).isSymbolicLink());
});

test('links that lead nowhere are told, and stay', async (t) => {
  const directory = await temporaryDirectory(t);
  const [circle, gone] = [join(directory, 'circle.yaml'), join(directory, 'gone.yaml')];
  await symlink('circle.yaml', circle);
  await symlink('none/topology.yaml', gone);
  for (const path of [circle, gone]) {
    const error = await t.throwsAsync(fileSource(path).write('new'), { instanceOf: HeadgateError });
    t.is(error.code, 'HEADGATE_TOPOLOGY_UNWRITABLE');
    t.true((await lstat(path)).isSymbolicLink());
  }
});
