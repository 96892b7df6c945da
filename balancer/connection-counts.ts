/** Connections per upstream and worker. A place is held from the pick to its release, or to the end of its worker. */
export class ConnectionCounts {
  readonly #totals = new Map<number, number>();
  readonly #workers = new Map<number, Map<number, number>>();

  hold(worker: number, upstream: number): void {
    let held = this.#workers.get(worker);
    if (held === undefined) this.#workers.set(worker, (held = new Map()));
    add(held, upstream, 1);
    add(this.#totals, upstream, 1);
  }

  /** False when the worker holds no place there: a message to distrust, nothing is changed. */
  release(worker: number, upstream: number): boolean {
    const held = this.#workers.get(worker);
    if (held?.has(upstream) !== true) return false;
    add(held, upstream, -1);
    add(this.#totals, upstream, -1);
    return true;
  }

  /** Gives back everything the worker held. */
  releaseAll(worker: number): void {
    for (const [upstream, count] of this.#workers.get(worker) ?? []) add(this.#totals, upstream, -count);
    this.#workers.delete(worker);
  }

  total(upstream: number): number {
    return this.#totals.get(upstream) ?? 0;
  }

  ofWorker(worker: number): ReadonlyMap<number, number> {
    return this.#workers.get(worker) ?? new Map();
  }
}

/** Entries of zero are removed, so that the maps hold no more than there are live pairs. */
function add(counts: Map<number, number>, key: number, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
