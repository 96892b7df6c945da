/** Child processes of a test, each the leader of its own process group, none of which outlives the test's process. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

export interface ProgramOptions {
  readonly cwd?: string;
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Groups with a process that may still run, by the leader's pid. */
const groups = new Set<number>();
const leaders = new Set<number>();
const cleaners = new Set<() => void>();
let guarded = false;

/** Leaders that have not exited yet; empty when every test cleaned up. */
export function runningPrograms(): number[] {
  return [...leaders];
}

/** Whether `pid` runs; a zombie, dead but not yet waited for by its parent, does not (Linux). */
export function isRunning(pid: number): boolean {
  try {
    // proc(5): "pid (name) state …", and the name may contain anything.
    return !/\) [ZX] [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return false;
    throw error;
  }
}

/** Resolves once the program runs; rejects when it cannot be started. */
export async function launch(
  argv: readonly string[],
  { cwd, env }: ProgramOptions = {},
): Promise<ChildProcessWithoutNullStreams & { readonly pid: number }> {
  guardExit();
  const [file = '', ...args] = [...parentDeathSignal(), ...argv];
  const child = spawn(file, args, {
    detached: true,
    stdio: 'pipe',
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
  });
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve).once('error', reject);
  });
  const pid = child.pid!;
  groups.add(pid);
  leaders.add(pid);
  child.once('exit', () => {
    leaders.delete(pid);
    // An empty group is forgotten at once: its number may soon belong to somebody else.
    if (!signalGroup(pid, 0)) groups.delete(pid);
  });
  return child as ChildProcessWithoutNullStreams & { readonly pid: number };
}

/** Kills what is left of the group that `launch` made; false when nothing was. */
export function killGroup(leader: number): boolean {
  const killed = groups.has(leader) && signalGroup(leader, 'SIGKILL');
  if (!leaders.has(leader)) groups.delete(leader);
  return killed;
}

/**
 * Runs `clean`, once however often it is named, when this process exits or is told to; a process killed with
 * SIGKILL has no such chance.
 */
export function onExit(clean: () => void): void {
  cleaners.add(clean);
  guardExit();
}

function guardExit(): void {
  if (guarded) return;
  guarded = true;
  process.once('exit', () => {
    for (const leader of groups) killGroup(leader);
    for (const clean of cleaners) clean();
  });
  // ava ends the processes of hanging test files with SIGTERM, which by itself would skip the exit handlers.
  for (const [signal, number] of [
    ['SIGHUP', 1],
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.once(signal, () => process.exit(128 + number));
  }
}

function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Makes the kernel end the program when this process dies without a word (util-linux; it survives exec). */
function parentDeathSignal(): readonly string[] {
  return existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'] : [];
}
