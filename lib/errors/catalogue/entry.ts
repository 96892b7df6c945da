/** One row of the error catalogue. */
export interface CatalogueEntry {
  /** One sentence: what happened. */
  readonly meaning: string;
  /** What the reader does about it: imperative, lower case, no full stop. Empty when there is nothing to do. */
  readonly cure: string;
}

/** Keeps the keys of a catalogue part literal while checking its rows. */
export function part<const Part extends Readonly<Record<`HEADGATE_${string}`, CatalogueEntry>>>(
  rows: Part,
): Part {
  return rows;
}
