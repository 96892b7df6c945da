import { readFileSync } from 'node:fs';

/** A resource limit of this process; Infinity where there is none. */
export interface ResourceLimit {
  readonly soft: number;
  readonly hard: number;
}

/**
 * RLIMIT_NOFILE, the most descriptors this process may have open, as /proc/self/limits tells it; undefined where
 * there is no such file. Node raises the soft limit to the hard one when it starts.
 */
export function getrlimitNofile(): ResourceLimit | undefined {
  const text = readText('/proc/self/limits');
  const match = text === undefined ? null : /^Max open files\s+(\S+)\s+(\S+)/m.exec(text);
  if (match === null) return undefined;
  return { soft: limit(match[1]), hard: limit(match[2]) };
}

/** net.core.somaxconn, the kernel's cap on every backlog; undefined where it cannot be read. */
export function somaxconn(): number | undefined {
  const text = readText('/proc/sys/net/core/somaxconn');
  const value = Number(text?.trim() || NaN);
  return Number.isInteger(value) ? value : undefined;
}

function limit(text: string | undefined): number {
  return text === 'unlimited' ? Infinity : Number(text);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Not Linux, or /proc is not mounted: the question has no answer here.
    return undefined;
  }
}
