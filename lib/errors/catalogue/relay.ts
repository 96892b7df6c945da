import { part } from './entry.ts';

/** Codes HEADGATE_RELAY_*. */
export const relayErrors = part({});
