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

/**
 * How many ephemeral ports there are: those of ip_local_port_range but not of ip_local_reserved_ports (Linux
 * Documentation/networking/ip-sysctl.rst), of this network namespace. Each serves one connection per source address and
 * destination. Undefined where that cannot be read.
 */
export function ephemeralPorts(): number | undefined {
  const range = readText('/proc/sys/net/ipv4/ip_local_port_range');
  return range === undefined
    ? undefined
    : countPorts(range, readText('/proc/sys/net/ipv4/ip_local_reserved_ports') ?? '');
}

/** `range`: two numbers; `reserved`: `8080,9000-9010`. */
export function countPorts(range: string, reserved: string): number | undefined {
  const [first = NaN, last = NaN] = range.trim().split(/\s+/).map(Number);
  if (!(last >= first)) return undefined;
  const ports = reserved.split(',').reduce(
    (left, part) => {
      const [from = NaN, to = from] = part.split('-', 2).map((text) => Number(text.trim() || NaN));
      const count = Math.min(last, to) - Math.max(first, from) + 1;
      return left - (count > 0 ? count : 0);
    },
    last - first + 1,
  );
  return Math.max(0, ports);
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
