/** A headgate command in the test's own process: as its user runs it, without the cost of a process. */
import { PassThrough } from 'node:stream';
import { runCommand } from '../cli/main.ts';
import type { Output } from './processes.ts';

export interface HereOptions {
  readonly env: Readonly<Record<string, string>>;
  /** As on a terminal: views are refreshed. */
  readonly terminal?: boolean;
  readonly signal?: AbortSignal;
}

/** Resolves with what it printed and its exit code. The environment is `env` alone, the working directory the test's. */
export async function runHere(
  args: readonly string[],
  { env, terminal = false, signal = new AbortController().signal }: HereOptions,
): Promise<Output> {
  let [stdout, stderr] = ['', ''];
  const screen = Object.assign(new PassThrough(), { isTTY: terminal });
  screen.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const code = await runCommand(args, {
    out: (text) => (stdout += `${text}\n`),
    err: (text) => (stderr += `${text}\n`),
    stdin: new PassThrough(),
    stdout: screen,
    env,
    signal,
  });
  return { code, signal: null, stdout, stderr };
}
