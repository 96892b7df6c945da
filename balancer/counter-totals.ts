/** Sums of the workers' counters; what a worker counted stays after its death. */
export class CounterTotals {
  readonly #totals = new Map<string, number>();

  add(changes: Readonly<Record<string, number>>): void {
    for (const [name, change] of Object.entries(changes)) {
      // A worker gone wrong must not fill the memory with names.
      if (this.#totals.has(name) || this.#totals.size < 100) {
        this.#totals.set(name, (this.#totals.get(name) ?? 0) + change);
      }
    }
  }

  get(name: string): number {
    return this.#totals.get(name) ?? 0;
  }

  all(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#totals);
  }
}
