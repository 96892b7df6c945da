import { part } from './entry.ts';

/** Codes HEADGATE_NODE_*. */
export const nodeErrors = part({
  HEADGATE_NODE_RUNTIME_DIR: {
    meaning: 'The directory for the local admin sockets cannot be used, or others could write into it.',
    cure: 'set HEADGATE_RUNTIME_DIR to a directory of mode 0700 that belongs to you',
  },
  HEADGATE_NODE_ASKED_TOO_OFTEN: {
    meaning: 'One address sends admin requests faster than a node answers them.',
    cure: 'ask less often',
  },
  HEADGATE_NODE_START: {
    meaning: 'A node could not be started; the rest of the chain says why.',
    cure: '',
  },
});
