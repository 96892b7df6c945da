/** Buckets per doubling: a value is told with an error of at most 1/64. */
const perDoubling = 64;
const doublings = 34;

/** Counts of durations in µs, of fixed size, that can be added up over processes. */
export class Histogram {
  readonly #counts = new Uint32Array(perDoubling * doublings);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(us: number): void {
    this.#counts[bucketOf(us)]!++;
    this.#total++;
  }

  /** Pairs of bucket and count, for another process. */
  toJSON(): readonly (readonly [number, number])[] {
    return [...this.#counts.entries()].filter(([, count]) => count > 0);
  }

  merge(pairs: ReturnType<Histogram['toJSON']>): this {
    for (const [bucket, count] of pairs) {
      this.#counts[bucket]! += count;
      this.#total += count;
    }
    return this;
  }

  /** The least µs that `share` of the values are not above; undefined without values. */
  quantile(share: number): number | undefined {
    if (this.#total === 0) return undefined;
    let rest = Math.ceil(share * this.#total);
    for (const [bucket, count] of this.#counts.entries()) {
      rest -= count;
      if (rest <= 0) return highestOf(bucket);
    }
    return undefined;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }
}

function bucketOf(us: number): number {
  const value = Math.max(0, Math.round(us));
  if (value < perDoubling) return value;
  const shift = Math.floor(Math.log2(value)) - Math.log2(perDoubling);
  const bucket = (shift + 1) * perDoubling + Math.floor(value / 2 ** shift) - perDoubling;
  return Math.min(bucket, perDoubling * doublings - 1);
}

function highestOf(bucket: number): number {
  if (bucket < perDoubling) return bucket;
  const shift = Math.floor(bucket / perDoubling) - 1;
  return ((bucket % perDoubling) + perDoubling + 1) * 2 ** shift - 1;
}
