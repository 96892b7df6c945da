import { part } from './entry.ts';

/** Codes HEADGATE_LINUX_*. */
export const linuxErrors = part({});
