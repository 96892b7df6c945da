import { part } from './entry.ts';

/** Codes HEADGATE_BALANCER_*. */
export const balancerErrors = part({
  HEADGATE_BALANCER_UNKNOWN: {
    meaning: 'The topology has no balancer of the name this process was given.',
    cure: 'give the name of one of the balancers in the topology',
  },
  HEADGATE_BALANCER_SOURCE_NOT_LOCAL: {
    meaning: 'An address of balancers.NAME.sources does not belong to this machine.',
    cure: 'add the address to an interface, or take it off the list in the topology',
  },
  HEADGATE_BALANCER_LISTEN: {
    meaning: 'A worker could not listen for a service, for a reason without a code of its own.',
    cure: 'read the cause in the message',
  },
  HEADGATE_BALANCER_WORKERS: {
    meaning: 'The worker processes ended again and again, or hung, before they were ready.',
    cure: 'read what they wrote to standard error; look at limits of processes and memory',
  },
});
