import { part } from './entry.ts';

/** Codes HEADGATE_CONTROL_*. */
export const controlErrors = part({});
