import test from 'ava';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { headgate } from '../cluster.ts';
import { runProgram } from '../processes.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { run, topologyFile } from './topology-io.ts';

test('a key file is made with mode 0600 and never overwritten', async (t) => {
  const file = join(dirname(await topologyFile(t, '')), 'cluster.key');
  const made = await run('topology new-secret', [file]);
  t.deepEqual(made, {
    exitCode: 0,
    out: `${file}: made with 32 random bytes, mode 0600; copy it to every host`,
    err: '',
  });
  t.is((await stat(file)).mode & 0o777, 0o600);
  const text = await readFile(file, 'utf8');
  const again = await run('topology new-secret', [file]);
  t.is(again.exitCode, -1);
  t.true(again.err.startsWith('HEADGATE_TOPOLOGY_SECRET_EXISTS: '));
  t.is(await readFile(file, 'utf8'), text);
  t.false((made.out + again.err).includes(text.trim()));
});

test('without a file the secret is printed, another one each time', async (t) => {
  const [one, other] = [await run('topology new-secret', []), await run('topology new-secret', [])];
  t.regex(one.out, /^[0-9a-f]{64}$/);
  t.not(one.out, other.out);
});

test('a key file that cannot be written, as on a full disk, leaves nothing behind', async (t) => {
  const directory = await temporaryFolder(t);
  const file = join(directory, 'cluster.key');
  // No file may become longer than nothing: what is written fails with EFBIG.
  const script = 'ulimit -f 0; exec "$0" "$@"';
  const argv = ['sh', '-c', script, ...headgate, 'topology', 'new-secret', file];
  const { code, stdout, stderr } = await runProgram(argv);
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(stderr, /^headgate: cannot make key file .*: EFBIG: .*\n$/);
  t.deepEqual(await readdir(directory), []);
});
