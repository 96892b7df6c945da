import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import type Koffi from 'koffi';
import type { Lab } from './lab.ts';

/** include/uapi/linux/sched.h */
const CLONE_NEWNET = 0x4000_0000;

/**
 * Runs `act`, which must be synchronous, with this process on a host of the lab: sockets that it opens, eBPF programs that
 * it attaches and files of /proc/sys that it reads are the host's. Sockets stay there afterwards.
 */
export function inside<Result>(lab: Lab, host: string, act: () => Result): Result {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const setns = koffi.load(null).func('int setns(int, int)');
  const home = openSync('/proc/thread-self/ns/net', 'r');
  const there = openSync(`/run/netns/${lab.namespace(host)}`, 'r');
  const enter = (namespace: number): void => {
    if (setns(namespace, CLONE_NEWNET) !== 0) throw new Error(`setns: errno ${koffi.errno()}`);
  };
  try {
    enter(there);
    try {
      return act();
    } finally {
      enter(home);
    }
  } finally {
    closeSync(home);
    closeSync(there);
  }
}
