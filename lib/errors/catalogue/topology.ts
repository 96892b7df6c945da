import { part } from './entry.ts';

/** Codes HEADGATE_TOPOLOGY_*. */
export const topologyErrors = part({});
