/**
 * The kinds of requests of a relay, for the user data. Those with a side have two numbers, client's then destination's:
 * `kind | side`. Those with an attempt have eight, one per destination tried: what comes of an abandoned one may come
 * after the next has begun.
 */
export const kinds = {
  accept: 1,
  install: 2,
  /** Of bytes the side sent. */
  receive: 4,
  /** Of bytes the side sent, to the other one. */
  send: 6,
  /** Of FIN to the side, by the kernel's threads. */
  shutdown: 8,
  /** For an error of a side that sent FIN. */
  watch: 10,
  /** Asks which error it is. */
  probe: 12,
  /** A plain descriptor for the side, to send it FIN. */
  half: 14,
  socket: 16,
  bindOption: 24,
  bind: 32,
  connect: 40,
  /** From here on: run in the moment of their submission, tell only when they fail, and are not counted. */
  uncounted: 128,
} as const;

export const attemptMost = 8;
