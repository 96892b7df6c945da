import { chmod, chown, readdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { describeError, HeadgateError } from '../../lib/errors/index.ts';
import { localSockets } from '../../node/index.ts';
import { ensureRuntimeDirectory } from '../../node/runtime-directory.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** Not used by anything that runs; root may give files to it. */
const nobody = 65_534;

/** A folder with the socket of a living process, as nodes leave it. */
function folderWithSocket(t: ExecutionContext): Promise<string> {
  return temporaryFolder(t, { [`${process.pid}.sock`]: '' });
}

test('sockets are those of living processes, and those of others are removed', async (t) => {
  const directory = await folderWithSocket(t);
  // No process has a number that large (proc(5): pid_max is at most 2^22).
  await writeFile(path.join(directory, '4194305.sock'), '');
  const own = path.join(directory, `${process.pid}.sock`);
  t.deepEqual(localSockets({ HEADGATE_RUNTIME_DIR: directory }), [own]);
  t.deepEqual(await readdir(directory), [path.basename(own)]);
});

test('without a directory there are no nodes', async (t) => {
  t.deepEqual(localSockets({ HEADGATE_RUNTIME_DIR: path.join(await temporaryFolder(t), 'none') }), []);
});

const notOurs: readonly {
  readonly what: string;
  readonly why: string;
  /** Returns the directory. */
  readonly spoil: (directory: string) => Promise<string>;
}[] = [
  {
    what: 'belongs to somebody else',
    why: 'it belongs to another user',
    async spoil(directory) {
      if (process.geteuid?.() !== 0) return '/';
      await chown(directory, nobody, nobody);
      return directory;
    },
  },
  {
    what: 'others may enter',
    why: 'others may enter it',
    async spoil(directory) {
      await chmod(directory, 0o711);
      return directory;
    },
  },
  {
    what: 'is a link to another place',
    why: 'it is not a directory',
    async spoil(directory) {
      const link = path.join(directory, 'link');
      await symlink(directory, link);
      return link;
    },
  },
];
for (const { what, why, spoil } of notOurs)
  test(`whoever is in a directory that ${what} is not believed`, async (t) => {
    const directory = await spoil(await folderWithSocket(t));
    const env = { HEADGATE_RUNTIME_DIR: directory };
    const error = t.throws(() => localSockets(env), { instanceOf: HeadgateError });
    t.is(error!.code, 'HEADGATE_NODE_RUNTIME_DIR');
    t.is(
      describeError(error),
      `directory ${directory} for admin sockets: ${why}; set HEADGATE_RUNTIME_DIR to a directory of mode 0700 that belongs to you, or name the cluster with --topology FILE`,
    );
    t.throws(() => ensureRuntimeDirectory(env), { code: 'HEADGATE_NODE_RUNTIME_DIR' });
  });
