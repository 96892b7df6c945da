/** Runs a topology command in this process and keeps what it prints. */
import type { ExecutionContext } from 'ava';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { commands } from '../../cli/commands.ts';
import { describeError, isHeadgateError } from '../../lib/errors/index.ts';

export interface Ran {
  /** -1 when the command threw. */
  readonly exitCode: number;
  readonly out: string;
  /** What went to standard error, or the code and text of what was thrown. */
  readonly err: string;
}

/** `run('topology check', [file])` */
export async function run(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const listed = commands.find((each) => each.name === name);
  if (listed === undefined) throw new Error(`there is no command ${name}`);
  const command = await listed.load();
  const out: string[] = [];
  const err: string[] = [];
  try {
    const exitCode = await command.run(args, {
      out: (text) => out.push(text),
      err: (text) => err.push(text),
      stdin: new PassThrough(),
      stdout: new PassThrough(),
      env,
      signal: new AbortController().signal,
    });
    return { exitCode, out: out.join('\n'), err: err.join('\n') };
  } catch (error) {
    if (!isHeadgateError(error)) throw error;
    return { exitCode: -1, out: out.join('\n'), err: `${error.code}: ${describeError(error)}` };
  }
}

/** A topology file with this text in a directory of its own, removed when the test ends. */
export async function topologyFile(t: ExecutionContext, text: string): Promise<string> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'headgate-cli-')));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'topology.yaml');
  await writeFile(file, text);
  return file;
}
