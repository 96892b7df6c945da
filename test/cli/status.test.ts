import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';
import type { CommandIo } from '../../cli/command.ts';
import { statusCommand } from '../../cli/status.ts';
import { ControlKey, createControlServer, type Json } from '../../lib/control/index.ts';
import { clusterStatusMethod, statusMethod } from '../../node/index.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { silentCluster } from './silent-cluster.ts';
import { run } from './topology-io.ts';

/** An admin socket whose answers are numbered: the first says topology `answer-1`. */
async function fakeNode(t: ExecutionContext): Promise<string> {
  const folder = await temporaryFolder(t);
  const key = ControlKey.fromSecret(Buffer.from('a secret of this test only'));
  const log = pino({ level: 'silent' });
  const control = createControlServer({ key, cluster: 'test', node: 'd1', log });
  t.teardown(() => control.close());
  let answers = 0;
  control.handle(statusMethod, () => ({ file: 'topology.yaml' }));
  control.handle(clusterStatusMethod, (): Json => {
    const topology = `answer-${++answers}`;
    return { cluster: 'test', topology, nodes: [director(topology)] };
  });
  await control.listenLocal(join(folder, `${process.pid}.sock`));
  return folder;
}

function director(topology: string): Json {
  const status = { topology, draining: false, connections: 0, newPerSecond: 0, watches: [] };
  return { node: 'd1', tier: 'director', speaksControl: true, status, problem: '' };
}

/** What `headgate status --watch` has printed when it showed the third answer, and its exit code. */
async function watchThrice(
  t: ExecutionContext,
  { isTTY, args = [] }: { readonly isTTY: boolean; readonly args?: readonly string[] },
): Promise<{ readonly out: string; readonly code: number }> {
  const interrupted = new AbortController();
  let out = '';
  const io: CommandIo = {
    out: (text) => void (out += `${text}\n`),
    err: (text) => t.fail(text),
    stdin: Readable.from([]),
    stdout: Object.assign(new Writable(), { isTTY }),
    env: { HEADGATE_RUNTIME_DIR: await fakeNode(t) },
    signal: interrupted.signal,
  };
  const run = statusCommand.run(['--watch', ...args], io);
  await until(() => out.includes('answer-3'), { describe: 'the third answer' });
  interrupted.abort();
  return { code: await run, out };
}

test('a node in a directory that others may enter is not asked', async (t) => {
  const directory = await fakeNode(t);
  await chmod(directory, 0o755);
  const io: CommandIo = {
    out: (text) => t.fail(text),
    err: () => undefined,
    stdin: Readable.from([]),
    stdout: new Writable(),
    env: { HEADGATE_RUNTIME_DIR: directory },
    signal: new AbortController().signal,
  };
  await t.throwsAsync(async () => statusCommand.run([], io), { code: 'HEADGATE_NODE_RUNTIME_DIR' });
});

test('status --watch asks again and again until it is interrupted, with exit code 0', async (t) => {
  const { code, out } = await watchThrice(t, { isTTY: false });
  t.is(code, 0);
  t.deepEqual(out.match(/answer-\d/g)?.slice(0, 3), ['answer-1', 'answer-2', 'answer-3']);
  t.is(out.match(/^TIER .* TOPOLOGY$/gm)?.length, out.match(/answer-/g)?.length);
  t.false(out.includes('\u001B'), 'no escape sequences in a pipe');
});

test('on a terminal status --watch writes each table over the one before', async (t) => {
  const { out } = await watchThrice(t, { isTTY: true });
  t.is(out.split('\u001B[2J\u001B[H').length, out.split('answer-').length);
});

test('status --watch --json is one object per line and answer, also on a terminal', async (t) => {
  const { out } = await watchThrice(t, { isTTY: true, args: ['--json'] });
  const told = out
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { readonly topology: string }).topology);
  t.deepEqual(told.slice(0, 3), ['answer-1', 'answer-2', 'answer-3']);
});

test('status has exit code 1 when no node at all answers, also where they hold another key', async (t) => {
  const { file, key, otherKey, listen } = await silentCluster(t);
  const status = () => run('status', ['--topology', file, '--json']);
  t.is((await status()).exitCode, 1);
  const stranger = await listen(otherKey);
  const { exitCode, out } = await status();
  t.is(exitCode, 1);
  t.regex(out, /our key id is/);
  await stranger.close();
  const node = await listen(key);
  node.handle(statusMethod, () => ({ watches: [] }));
  t.is((await status()).exitCode, 0);
});
