import { constants } from 'node:os';
import { libc } from './libc.ts';
import { syscallError } from './errno.ts';

/** PR_SET_PDEATHSIG of include/uapi/linux/prctl.h. */
const setParentDeathSignal = 1;

/**
 * Has the kernel send this process a signal when its parent ends, however that happens. Throws
 * HEADGATE_LINUX_SYSCALL, or HEADGATE_LINUX_UNAVAILABLE where there are no system calls.
 */
export function signalOnParentDeath(signal: NodeJS.Signals): void {
  const { prctl, errno } = libc();
  if (prctl(setParentDeathSignal, constants.signals[signal], 0, 0, 0) === -1)
    throw syscallError('prctl(PR_SET_PDEATHSIG)', errno());
}

/**
 * Has the kernel end this process after so many whole seconds, whatever it is doing then: also when it waits in a system call or
 * for a thread that does. 0: no longer. Throws HEADGATE_LINUX_UNAVAILABLE where there are no system calls. alarm(2)
 */
export function endAfter(seconds: number): void {
  libc().alarm(seconds);
}
