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
    requireOurs(directory);
    return directory;
  } catch (cause) {
    throw new HeadgateError('HEADGATE_NODE_RUNTIME_DIR', whatFor(directory), { cause });
  }
}

/** Throws why the directory is not ours alone. Root is no exception: what others put there is not to be believed. */
function requireOurs(directory: string): void {
  const stat = lstatSync(directory);
  const uid = process.geteuid?.();
  if (!stat.isDirectory()) throw new Error('it is not a directory');
  if (uid !== undefined && stat.uid !== uid) throw new Error('it belongs to another user');
  if ((stat.mode & 0o077) !== 0) throw new Error('others may enter it');
}

function whatFor(directory: string): string {
  return `directory ${directory} for admin sockets`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoCode(error) === 'EPERM';
  }
}

/** For commands, which have another way to a cluster than its nodes on this machine. */
const askCure =
  'set HEADGATE_RUNTIME_DIR to a directory of mode 0700 that belongs to you, or name the cluster with --topology FILE';

/**
 * Admin sockets of the living nodes on this machine, newest process last; none when there is no directory. Removes those
 * of processes that are gone. Throws HEADGATE_NODE_RUNTIME_DIR when the directory is not ours alone, as nodes do:
 * somebody else could answer in their place.
 */
export function localSockets(env: Readonly<NodeJS.ProcessEnv>): readonly string[] {
  const directory = runtimeDirectory(env);
  let names: string[];
  try {
    requireOurs(directory);
    names = readdirSync(directory);
  } catch (cause) {
    if (errnoCode(cause) === 'ENOENT') return [];
    throw new HeadgateError('HEADGATE_NODE_RUNTIME_DIR', whatFor(directory), { cause, cure: askCure });
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
