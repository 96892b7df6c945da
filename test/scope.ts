import type { Teardown } from './processes.ts';

/** What is to be undone at the end of a run outside of a test: the last made goes first. */
export class Scope implements Teardown {
  readonly #undo: (() => void | Promise<void>)[] = [];

  teardown(run: () => void | Promise<void>): void {
    this.#undo.push(run);
  }

  /** Undoes everything, whatever fails; rejects with the first failure. Idempotent. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (let run = this.#undo.pop(); run !== undefined; run = this.#undo.pop()) {
      try {
        await run();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
