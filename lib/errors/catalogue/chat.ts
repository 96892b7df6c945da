import { part } from './entry.ts';

/** Codes HEADGATE_CHAT_*. */
export const chatErrors = part({});
