import { lstatSync, mkdirSync, readdirSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environment } from './environment.ts';
import { errnoCode, HeadgateError } from '../lib/errors/index.ts';

/** Where the nodes of this machine keep their local admin sockets, `<pid>.sock`; does not create it. */
export function runtimeDirectory(env: Readonly<NodeJS.ProcessEnv>): string {
  const chosen = env[environment.runtimeDirectory];
  if (chosen) return chosen;
  if (env['XDG_RUNTIME_DIR']) return join(env['XDG_RUNTIME_DIR'], 'headgate');
  const uid = process.getuid?.() ?? 0;
  return uid === 0 && process.platform === 'linux' ? '/run/headgate' : join(tmpdir(), `headgate-${uid}`);
}

/**
 * Makes the directory with mode 0700 and returns it. Throws HEADGATE_NODE_RUNTIME_DIR when it is not ours alone:
 * in a shared directory somebody else could have put it there first.
 */
export function ensureRuntimeDirectory(env: Readonly<NodeJS.ProcessEnv>): string {
  const directory = runtimeDirectory(env);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const stat = lstatSync(directory);
    const uid = process.getuid?.();
    if (!stat.isDirectory()) throw new Error('it is not a directory');
    if (uid !== undefined && stat.uid !== uid) throw new Error('it belongs to another user');
    if ((stat.mode & 0o077) !== 0) throw new Error('others may enter it');
    return directory;
  } catch (cause) {
    throw new HeadgateError('HEADGATE_NODE_RUNTIME_DIR', `directory ${directory} for admin sockets`, {
      cause,
    });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoCode(error) === 'EPERM';
  }
}

/** Admin sockets of the living nodes on this machine, newest process last. Removes those of processes that are gone. */
export function localSockets(env: Readonly<NodeJS.ProcessEnv>): readonly string[] {
  const directory = runtimeDirectory(env);
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return [];
  }
  const pids = names.flatMap((name) => /^(\d+)\.sock$/.exec(name)?.[1] ?? []).map(Number);
  const alive: string[] = [];
  for (const pid of pids.sort((one, other) => one - other)) {
    const path = join(directory, `${pid}.sock`);
    if (isAlive(pid)) alive.push(path);
    else {
      try {
        unlinkSync(path);
      } catch {
        // Another process tidied it up at the same moment.
      }
    }
  }
  return alive;
}
