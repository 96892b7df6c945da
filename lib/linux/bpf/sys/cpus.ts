import { readFileSync } from 'node:fs';

/** How many CPUs a list like `0-3,8` names. */
export function countCpus(list: string): number {
  return list
    .trim()
    .split(',')
    .map((range) => {
      const [first = Number.NaN, last = first] = range.split('-').map(Number);
      return last - first + 1;
    })
    .reduce((sum, count) => sum + count, 0);
}

let possible: number | undefined;

/**
 * CPUs that may ever be online: how many values a per-CPU map keeps per key (the kernel's num_possible_cpus).
 */
export function possibleCpus(): number {
  possible ??= countCpus(readFileSync('/sys/devices/system/cpu/possible', 'utf8'));
  return possible;
}
