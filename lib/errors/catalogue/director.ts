import { part } from './entry.ts';

/** Codes HEADGATE_DIRECTOR_*. */
export const directorErrors = part({});
