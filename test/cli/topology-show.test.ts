import test from 'ava';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sampleText, valid } from '../topology/sample.ts';
import { run, topologyFile } from './topology-io.ts';

test('the effective topology is a topology file of the same meaning', async (t) => {
  const file = await topologyFile(t, sampleText);
  const { exitCode, out } = await run('topology show', [file]);
  t.is(exitCode, 0);
  t.deepEqual(valid(out, file), valid(sampleText, file));
  t.true(out.startsWith(`# effective topology of ${file}, hash ${valid(sampleText).hash}\n`));
  t.true(out.includes('file: ./cluster.key'));
  t.true(out.includes('interval: 1s'));
});

test('no byte of the secret is shown', async (t) => {
  const file = await topologyFile(t, sampleText.replace('{ file: ./cluster.key }', '{ env: KEY }'));
  const secret = '5ec7e75ec7e75ec7e75ec7e75ec7e75e';
  await writeFile(join(dirname(file), 'cluster.key'), secret, { mode: 0o600 });
  const { out, err } = await run('topology show', [file], { KEY: secret });
  t.false((out + err).includes(secret));
});

test('an invalid file is told as check tells it', async (t) => {
  const file = await topologyFile(t, 'version: 1');
  const shown = await run('topology show', [file]);
  t.deepEqual(shown, await run('topology check', [file]));
});
