/** What the tiers of a run use: processor time and memory, by tier. */
import { readdirSync, readFileSync } from 'node:fs';
import { cpuNs, residentBytes } from '../measure.ts';

export interface TierProcesses {
  readonly tier: string;
  /** Processes that were started; those they started count too. */
  readonly pids: () => readonly number[];
}

export type ByTier = Readonly<Record<string, number>>;

const pageBytes = 4_096;

/** `pids` and their descendants that still run. */
function withDescendants(pids: readonly number[]): number[] {
  const found: number[] = [];
  const visit = (pid: number): void => {
    try {
      const tasks = readdirSync(`/proc/${pid}/task`);
      found.push(pid);
      for (const task of tasks) {
        const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim();
        if (children !== '') for (const child of children.split(' ')) visit(Number(child));
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  };
  for (const pid of pids) visit(pid);
  return found;
}

function sumOver(tiers: readonly TierProcesses[], measure: (pid: number) => number): ByTier {
  return Object.fromEntries(
    tiers.map(({ tier, pids }) => [
      tier,
      withDescendants(pids()).reduce((sum, pid) => sum + orZero(measure, pid), 0),
    ]),
  );
}

function orZero(measure: (pid: number) => number, pid: number): number {
  try {
    return measure(pid);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0;
    throw error;
  }
}

/** Seconds on a processor. What the kernel does in interrupts counts for whoever was running. */
export function cpuSeconds(tiers: readonly TierProcesses[]): ByTier {
  return sumOver([...tiers, { tier: 'ksoftirqd', pids: ksoftirqd }], (pid) => cpuNs(pid) / 1e9);
}

/** Resident bytes. */
export function processMemory(tiers: readonly TierProcesses[]): ByTier {
  return sumOver(tiers, residentBytes);
}

function ksoftirqd(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => orZero((one) => Number(isKsoftirqd(one)), pid) === 1);
}

function isKsoftirqd(pid: number): boolean {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('ksoftirqd/');
}

/** Memory of the machine's kernel, bytes. Everything that runs on the machine counts. */
export function kernelMemory(): {
  readonly slab: number;
  readonly socketBuffers: number;
  readonly used: number;
} {
  const meminfo = readFileSync('/proc/meminfo', 'utf8');
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(meminfo)?.[1]) * 1_024;
  const sockets = /^TCP:.* mem (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8'));
  return {
    slab: field('Slab'),
    socketBuffers: Number(sockets?.[1]) * pageBytes,
    used: field('MemTotal') - field('MemAvailable'),
  };
}

/** What `after` has more, each divided by `by`. */
export function perUnit<Fields extends Readonly<Record<string, number>>>(
  before: Fields,
  after: Fields,
  by: number,
): Record<keyof Fields, number> {
  const entries = Object.entries(after).map(([name, value]) => [name, (value - (before[name] ?? 0)) / by]);
  return Object.fromEntries(entries) as Record<keyof Fields, number>;
}
