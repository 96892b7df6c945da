import { part } from './entry.ts';

/** Codes HEADGATE_NODE_*. */
export const nodeErrors = part({});
