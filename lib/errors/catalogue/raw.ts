import { part } from './entry.ts';

/** Codes HEADGATE_RAW_*. */
export const rawErrors = part({
  HEADGATE_RAW_FAMILY: {
    meaning:
      'The raw plane cannot send packets of a service to one of its balancers, because their addresses are of different families.',
    cure: 'give the balancer a host of the same family as the VIP, or use forwarding: proxy',
  },
});
