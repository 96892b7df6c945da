import test from 'ava';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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
