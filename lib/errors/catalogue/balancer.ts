import { part } from './entry.ts';

/** Codes HEADGATE_BALANCER_*. */
export const balancerErrors = part({});
