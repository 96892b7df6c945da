import test from 'ava';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linkChain } from '../../../topology/watch/link-chain.ts';
import { WatchedDirectories } from '../../../topology/watch/directories.ts';
import { temporaryDirectory } from '../temporary.ts';

/** The plan below `directory`, as plain data. */
async function chain(
  directory: string,
  path: string,
): Promise<readonly (readonly [string, readonly string[]])[]> {
  const plan = await linkChain(path);
  return [...plan].map(([each, names]) => [each.replace(directory, ''), [...names].toSorted()]);
}

test('a plain file is watched in its directory', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'file'), '');
  t.deepEqual(await chain(directory, join(directory, 'file')), [['', ['file']]]);
});

test('links in the way and behind links are followed', async (t) => {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, '..v1'));
  await writeFile(join(directory, '..v1', 'file'), '');
  await symlink('..v1', join(directory, '..data'));
  await symlink('..data/file', join(directory, 'file'));
  t.deepEqual(await chain(directory, join(directory, 'file')), [
    ['', ['..data', 'file']],
    ['/..v1', ['file']],
  ]);
});

test('a missing part is waited for in the nearest directory that exists', async (t) => {
  const directory = await temporaryDirectory(t);
  t.deepEqual(await chain(directory, join(directory, 'etc', 'headgate', 'file')), [['', ['etc']]]);
});

test('a circle of links ends', async (t) => {
  const directory = await temporaryDirectory(t);
  await symlink('two', join(directory, 'one'));
  await symlink('one', join(directory, 'two'));
  t.deepEqual(await chain(directory, join(directory, 'one')), [['', ['one', 'two']]]);
});

test('a directory that cannot be watched is told, and the others are watched', async (t) => {
  const directory = await temporaryDirectory(t);
  const troubles: unknown[] = [];
  const directories = new WatchedDirectories(
    () => undefined,
    (error) => troubles.push(error),
  );
  t.teardown(() => directories.close());
  const names = new Set(['file']);
  const plan = new Map([
    [join(directory, 'missing'), names],
    [directory, names],
  ]);
  t.true(directories.apply(plan));
  t.is(troubles.length, 1);
  t.false(directories.apply(new Map([[directory, names]])));
});
