import { part } from './entry.ts';

/** Codes HEADGATE_DIRECTOR_*. */
export const directorErrors = part({
  HEADGATE_DIRECTOR_NOT_IN_TOPOLOGY: {
    meaning: 'The topology has no director of this name.',
    cure: 'name a node listed under directors, or add it there',
  },
  HEADGATE_DIRECTOR_APPLY: {
    meaning:
      'Parts of a forwarding table could not be applied; the rest of it is, and the parts are tried again.',
    cure: '',
  },
  HEADGATE_DIRECTOR_MODE: {
    meaning: 'The forwarding that the topology demands of a service does not work on this director.',
    cure: 'do what the message says, or use forwarding: proxy or auto',
  },
  HEADGATE_DIRECTOR_EXPLAIN_REQUEST: {
    meaning: 'A request to explain named no client address and port that can be read.',
    cure: 'give the client as HOST:PORT, IPv6 in brackets, such as 192.0.2.1:40000 or [2001:db8::1]:40000',
  },
  HEADGATE_DIRECTOR_NO_SERVICE: {
    meaning: 'The topology that the director runs has no service of this name.',
    cure: 'name a service listed under services',
  },
});
