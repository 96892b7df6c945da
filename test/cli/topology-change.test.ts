import { chmod, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import { headgate } from '../cluster.ts';
import { runProgram } from '../processes.ts';
import { probeReadOnly, readOnly } from '../read-only.ts';
import { testUnless } from '../test-unless.ts';
import { sampleText } from '../topology/sample.ts';
import { silentCluster } from './silent-cluster.ts';
import { run, topologyFile } from './topology-io.ts';

test('with no node that answers only the file is changed, and that is said', async (t) => {
  const { file } = await silentCluster(t);
  t.deepEqual(await run('topology drain', ['b2', file]), {
    exitCode: 0,
    out: `${file}: b2 drains`,
    err: `note: no node of ${file} answers; only the file is changed`,
  });
  t.deepEqual(await run('topology drain', ['b2', file]), {
    exitCode: 0,
    out: `${file}: nothing to change: b2 drains already`,
    err: `note: no node of ${file} answers`,
  });
});

test('drain --wait without a node to ask changes nothing', async (t) => {
  const { file, text } = await silentCluster(t);
  const { exitCode, err } = await run('topology drain', ['b2', '--wait', file]);
  t.is(exitCode, -1);
  t.regex(
    err,
    /^HEADGATE_ROLLOUT_NO_CLUSTER: no node of .* answers, so it cannot be waited for; nothing is changed; start the nodes, or leave --wait out/,
  );
  t.is(await readFile(file, 'utf8'), text);
});

for (const [trouble, make, says] of [
  [
    'that is not there',
    (key: string) => rm(key),
    /there is no key file .*cluster\.key; copy the key file there from a host of the cluster, or add --file-only$/,
  ],
  ['open to others', (key: string) => chmod(key, 0o644), /is open to others .*; chmod 600 /],
  [
    'that is a folder',
    async (key: string) => {
      await rename(key, `${key}.old`);
      await mkdir(key);
    },
    /is not a file; check that it is a file/,
  ],
] as const)
  test(`a key file ${trouble} is an error with its cure, and not a cluster that does not run`, async (t) => {
    const { file, text } = await silentCluster(t);
    await make(join(dirname(file), 'cluster.key'));
    for (const args of [
      ['b2', file],
      ['b2', '--wait', file],
    ]) {
      const { exitCode, err } = await run('topology drain', args);
      t.is(exitCode, -1);
      t.regex(err, /^HEADGATE_ROLLOUT_ACCESS: the nodes of .* cannot be asked: /);
      t.regex(err, says);
    }
    t.is(await readFile(file, 'utf8'), text);
    t.is((await run('topology drain', ['b2', '--file-only', file])).exitCode, 0);
  });

test('a node that holds another key is an error, also where the others do not run', async (t) => {
  const { file, text, otherKey, listen } = await silentCluster(t);
  await listen(otherKey);
  for (const command of ['drain', 'undrain']) {
    const { exitCode, err } = await run(`topology ${command}`, ['b2', file]);
    t.is(exitCode, -1);
    t.regex(
      err,
      /^HEADGATE_ROLLOUT_ACCESS: the nodes of .* cannot be asked: our key id is \w+, the one of .* is \w+; copy the same key file/,
    );
  }
  t.is(await readFile(file, 'utf8'), text);
});

test('a topology to be rolled out that is not beside its key file is told of --cluster', async (t) => {
  const { file, text } = await silentCluster(t);
  const fresh = await topologyFile(t, text);
  for (const command of ['plan', 'apply']) {
    t.regex(
      (await run(`topology ${command}`, [fresh])).err,
      /^HEADGATE_ROLLOUT_ACCESS: .*there is no key file .*; name the topology of the running cluster, .* with --cluster FILE/,
    );
    t.regex(
      (await run(`topology ${command}`, [fresh, '--cluster', file])).err,
      /^HEADGATE_ROLLOUT_NO_CLUSTER: no node of .* answers; start the nodes/,
    );
  }
});

test('drain --wait excludes what it could not wait for', async (t) => {
  const file = await topologyFile(t, sampleText);
  for (const other of ['--no-wait', '--file-only'])
    t.regex(
      (await run('topology drain', ['b2', '--wait', other, file])).err,
      new RegExp(`^HEADGATE_CLI_USAGE: --wait and ${other} exclude each other`),
    );
  t.is(await readFile(file, 'utf8'), sampleText);
});

testUnless(probeReadOnly())('a file on a read-only file system is told as such', async (t) => {
  const file = await topologyFile(t, sampleText);
  const argv = [...headgate, 'topology', 'drain', 'b2', '--file-only', file];
  const { code, stderr } = await runProgram(readOnly(dirname(file), argv));
  t.is(code, 1);
  t.regex(stderr, /^headgate: cannot replace .*: EROFS: read-only file system, open .*; check who may write/);
  t.is(await readFile(file, 'utf8'), sampleText);
});
