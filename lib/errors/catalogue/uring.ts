import { part } from './entry.ts';

/** Codes HEADGATE_URING_*. */
export const uringErrors = part({
  HEADGATE_URING_UNAVAILABLE: {
    meaning:
      'The kernel interface io_uring is missing in this kernel, forbidden to this process, or lacks something that is needed.',
    cure: "use Linux 6.11 or newer and allow io_uring (sysctl kernel.io_uring_disabled=0, the container's seccomp profile)",
  },
  HEADGATE_URING_SIZE: {
    meaning: 'A ring, a buffer group or a table was asked for in a size the kernel does not have.',
    cure: 'choose a size within the limits the message names',
  },
  HEADGATE_URING_QUEUE_FULL: {
    meaning: 'The submission queue is full and the kernel takes no request, because it has no memory.',
    cure: 'give the machine or the container more memory, or carry fewer connections',
  },
  HEADGATE_URING_CLOSED: {
    meaning: 'A ring was used after it was closed.',
    cure: '',
  },
  HEADGATE_URING_MISUSE: {
    meaning: 'A buffer or a slot was given back that its owner did not hold: a bug of the caller.',
    cure: 'report it with the message',
  },
});
