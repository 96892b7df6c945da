import type { LoadCounts } from './loads.ts';

/** Tells what goes on: one line per part, and on a terminal how far it is. */
export class Progress {
  readonly #began = performance.now();
  #part = '';
  /** Clients logged in, as last counted. */
  live = 0;

  part(title: string): void {
    this.#part = title;
    this.#clear();
    console.log(`${this.#seconds()}  ${title}`);
  }

  readonly counts = (counts: LoadCounts): void => {
    this.live = counts.live;
    if (!process.stdout.isTTY) return;
    const { live, sent, delivered, lostExpected, lostUnexpected } = counts;
    const lost = `${lostUnexpected} lost${lostExpected === 0 ? '' : `, ${lostExpected} with their server`}`;
    this.#clear();
    process.stdout.write(
      `        ${this.#part}: ${live} logged in, ${lost}, ${delivered} of ${sent} messages`,
    );
  };

  note(text: string): void {
    this.#clear();
    console.log(`         ${text}`);
  }

  #clear(): void {
    if (process.stdout.isTTY) process.stdout.write('\r\u001B[K');
  }

  #seconds(): string {
    return `${((performance.now() - this.#began) / 1_000).toFixed(1)} s`.padStart(7);
  }
}
