import type { Logger } from 'pino';
import type { Clock } from '../lib/clock/index.ts';

/** Least time between two lines about the same counter. */
const quietMs = 10_000;

/** Tells that something refused connections: at once, and then at most every ten seconds for each counter. */
export class Alarms {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #told = new Map<string, { readonly atMs: number; readonly total: number }>();

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** `counter` stands at `total`; `what` says what each count means. */
  check(counter: string, total: number, what: string): void {
    const told = this.#told.get(counter) ?? { atMs: -Infinity, total: 0 };
    const nowMs = this.#clock.now();
    if (total <= told.total || nowMs - told.atMs < quietMs) return;
    this.#told.set(counter, { atMs: nowMs, total });
    this.#log.warn({ [counter]: total, new: total - told.total }, what);
  }
}
