import { fork, type ChildProcess } from 'node:child_process';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describeError } from '../lib/errors/index.ts';
import type { ToWorker } from './worker-protocol.ts';

/** A worker's process as the fleet handles it. */
export interface WorkerProcess {
  /** 0 when it could not be started; `onExit` tells why. */
  readonly pid: number;
  /** Dropped when the process is gone. */
  send(message: ToWorker): void;
  onMessage(run: (message: unknown) => void): void;
  /** Runs once; `why` is one short line. No message comes afterwards. */
  onExit(run: (why: string) => void): void;
  /** Asks it to end its connections and exit. */
  dismiss(): void;
  /** SIGKILL: it is gone whatever state it is in. */
  kill(): void;
}

export type SpawnWorker = () => WorkerProcess;

/** Where workers write their log. `inherit`: to this process's standard output; else called with each whole line. */
export type WorkerOutput = 'inherit' | ((line: string) => void);

/** The descriptor under which a worker finds the first of those it inherits: the first after that of the IPC channel. */
export const firstInherited = 4;

/**
 * What V8 keeps for short-lived objects grows with the pace of connects and stays: with the usual 16 MiB an idle
 * connection seems to cost seven times as much. In MiB; who starts a supervisor with the option decides otherwise.
 */
const youngGeneration = ['--max-semi-space-size', '1'] as const;

function workerOptions(own: readonly string[]): string[] {
  const [name, most] = youngGeneration;
  // A debugger's port belongs to the supervisor; a worker that wanted it too would not start.
  const kept = own.filter((option) => !option.startsWith('--inspect'));
  return kept.some((option) => option.startsWith(name)) ? kept : [...kept, `${name}=${most}`];
}

/**
 * Forks worker-main; `secretVariable` is the environment variable a worker must not see, `inherited` are the descriptors
 * it finds from firstInherited on. Never throws.
 */
export function forkWorker(
  output: WorkerOutput,
  secretVariable: string | undefined,
  inherited: readonly number[],
): WorkerProcess {
  const program = new URL(`./worker-main${extname(fileURLToPath(import.meta.url))}`, import.meta.url);
  const env = { ...process.env };
  if (secretVariable !== undefined) delete env[secretVariable];
  let child: ChildProcess;
  try {
    child = fork(fileURLToPath(program), [], {
      env,
      execArgv: workerOptions(process.execArgv),
      stdio: ['ignore', output === 'inherit' ? 'inherit' : 'pipe', 'inherit', 'ipc', ...inherited],
    });
  } catch (error) {
    // Some errors of fork(2) and execve(2) are emitted, others (ENOMEM) are thrown.
    return notStarted(error);
  }
  // Without descriptors (EMFILE) there are no streams at all.
  const stdout = child.stdout as ChildProcess['stdout'] | undefined;
  if (output !== 'inherit' && stdout)
    createInterface({ input: stdout }).on('line', (line) => output(`${line}\n`));
  let gone = false;
  const exit = (run: (why: string) => void, why: string): void => {
    if (gone) return;
    gone = true;
    child.removeAllListeners('message');
    run(why);
  };
  return {
    pid: child.pid ?? 0,
    send(message) {
      // An error here means that the process is gone; `exit` tells.
      if (child.connected) child.send(message, () => {});
    },
    onMessage: (run) => void child.on('message', run),
    onExit(run) {
      child.on('exit', (code, signal) =>
        exit(run, signal === null ? `exit code ${code}` : `signal ${signal}`),
      );
      child.on('error', (error) => {
        if (child.pid === undefined) exit(run, whyNotStarted(error));
      });
    },
    dismiss() {
      if (child.connected) child.disconnect();
    },
    kill() {
      // Before it has told that there is no process Node signals the number 0, which is this one's whole group.
      if (child.pid !== undefined) child.kill('SIGKILL');
    },
  };
}

/** In place of a process that there is none of. */
function notStarted(error: unknown): WorkerProcess {
  return {
    pid: 0,
    send() {},
    onMessage() {},
    onExit: (run) => void setImmediate(() => run(whyNotStarted(error))),
    dismiss() {},
    kill() {},
  };
}

function whyNotStarted(error: unknown): string {
  return `it could not be started: ${describeError(error)}`;
}
