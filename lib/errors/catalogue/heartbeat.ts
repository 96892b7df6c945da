import { part } from './entry.ts';

/** Codes HEADGATE_HEARTBEAT_*. */
export const heartbeatErrors = part({});
