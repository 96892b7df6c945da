/** The machine's network namespaces. Synchronous, because removal also has to work while the process exits. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { isRunning } from '../process-groups.ts';

/** Names of all namespaces that `ip netns` knows. */
export function listNamespaces(): string[] {
  try {
    return readdirSync('/run/netns');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Kills the processes in the namespaces and removes them; those that are gone already are fine. Throws for what remains. */
export function removeNamespaces(names: readonly string[]): void {
  const doomed = existing(names);
  if (doomed.length === 0) return;
  for (const pid of doomed.flatMap(pidsIn)) kill(pid);
  const { stderr } = spawnSync('ip', ['-force', '-batch', '-'], {
    input: doomed.map((name) => `netns del ${name}\n`).join(''),
    encoding: 'utf8',
  });
  const left = existing(names);
  if (left.length > 0) throw new Error(`cannot remove namespaces ${left.join(', ')}: ${stderr.trim()}`);
}

/** Processes in a namespace; none when it is gone. */
export function pidsIn(name: string): number[] {
  const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
  return (stdout ?? '').split(/\s+/).filter(Boolean).map(Number);
}

function existing(names: readonly string[]): string[] {
  const all = new Set(listNamespaces());
  return names.filter((name) => all.has(name));
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (isRunning(pid)) throw error;
  }
}
