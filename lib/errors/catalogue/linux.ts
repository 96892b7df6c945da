import { part } from './entry.ts';

/** Codes HEADGATE_LINUX_*. */
export const linuxErrors = part({
  HEADGATE_LINUX_UNAVAILABLE: {
    meaning: 'Something was asked that only works through system calls, which this process cannot make.',
    cure: 'run on Linux with the npm package koffi installed (npm ci)',
  },
  HEADGATE_LINUX_SYSCALL: {
    meaning: 'A system call failed; facts name the call, errno and its code.',
    cure: '',
  },
});
