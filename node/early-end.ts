import type { Logger } from 'pino';

/** What ends a node. */
export const endSignals = ['SIGTERM', 'SIGINT'] as const;

/** How long what was begun may take to be undone; `headgate up` waits longer. */
const undoMs = 3_000;

/**
 * The word to end that comes while a node starts: nobody is connected yet, so nothing is waited for but what has to be undone.
 * Listens from its construction until `over`.
 */
export class EarlyEnd {
  readonly #log: Logger;
  #hasBegun = false;
  #isTold = false;

  constructor(log: Logger) {
    this.#log = log;
    for (const signal of endSignals) process.on(signal, this.tell);
  }

  /** The start is to be given up, and what it has begun to be undone. */
  get isTold(): boolean {
    return this.#isTold;
  }

  /** From now on there is something to undo; until now the process has ended at once. */
  begin(): void {
    this.#hasBegun = true;
  }

  /** Somebody else listens now. */
  over(): void {
    for (const signal of endSignals) process.off(signal, this.tell);
  }

  readonly tell = (signal: string): void => {
    const isAgain = this.#isTold;
    this.#isTold = true;
    this.#log.warn(isAgain ? `${signal} again: ending now` : `${signal} while starting: ending now`);
    if (isAgain || !this.#hasBegun) process.exit(0);
    // What hangs, or keeps the process alive, does not do so for long.
    setTimeout(() => process.exit(0), undoMs).unref();
  };
}
