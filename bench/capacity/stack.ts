import type { Teardown } from '../../test/processes.ts';

/** What is to be undone, last first, like ava's `t`. */
export class Stack implements Teardown {
  readonly #undo: (() => void | Promise<void>)[] = [];

  teardown(run: () => void | Promise<void>): void {
    this.#undo.push(run);
  }

  /** Runs all of it, also when one fails; throws the first failure. */
  async undo(): Promise<void> {
    const failures: unknown[] = [];
    for (const run of this.#undo.splice(0).reverse()) {
      try {
        await run();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
