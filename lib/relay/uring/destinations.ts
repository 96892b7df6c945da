const none = -1;

/** The rows joined to each destination, oldest first: linked lists in typed arrays, so that a row costs 8 bytes. */
export class Destinations {
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #lists = new Map<string, { first: number; last: number; count: number }>();

  constructor(rows: number) {
    this.#next = new Int32Array(rows);
    this.#previous = new Int32Array(rows);
  }

  add(id: string, row: number): void {
    let list = this.#lists.get(id);
    if (list === undefined) this.#lists.set(id, (list = { first: none, last: none, count: 0 }));
    this.#next[row] = none;
    this.#previous[row] = list.last;
    if (list.last === none) list.first = row;
    else this.#next[list.last] = row;
    list.last = row;
    list.count++;
  }

  /** `row` must be in the list of `id`. */
  remove(id: string, row: number): void {
    const list = this.#lists.get(id)!;
    const next = this.#next[row]!;
    const previous = this.#previous[row]!;
    if (previous === none) list.first = next;
    else this.#next[previous] = next;
    if (next === none) list.last = previous;
    else this.#previous[next] = previous;
    if (--list.count === 0) this.#lists.delete(id);
  }

  /** Up to `most` rows of a destination, oldest first. */
  oldest(id: string, most: number): number[] {
    const rows: number[] = [];
    for (let row = this.#lists.get(id)?.first ?? none; row !== none && rows.length < most;) {
      rows.push(row);
      row = this.#next[row]!;
    }
    return rows;
  }

  counts(): Map<string, number> {
    return new Map([...this.#lists].map(([id, { count }]) => [id, count]));
  }
}
