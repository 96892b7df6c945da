/** Bytes of each kind of field. `i32` and `i64` are signed, the rest unsigned; all in host order. */
const fieldBytes = { u8: 1, u16: 2, u32: 4, u64: 8, i32: 4, i64: 8 } as const;

export type FieldType = keyof typeof fieldBytes;

/** One field: its offset in bytes, its kind, and how many of it follow each other (1 unless told). */
export type Field = readonly [at: number, type: FieldType, count?: number];

/** The layout of a kernel struct: every byte belongs to exactly one field, padding included. */
export interface Struct<Name extends string = string> {
  readonly name: string;
  readonly bytes: number;
  /** Offset in bytes of each field. */
  readonly at: Readonly<Record<Name, number>>;
}

/**
 * Describes a kernel struct and holds it against itself: fields lie in order, aligned, without gap or overlap, and end
 * at `bytes`, which is the kernel's sizeof. Throws a plain Error: a wrong table is a bug of this room.
 */
export function struct<Name extends string>(
  name: string,
  bytes: number,
  fields: Readonly<Record<Name, Field>>,
): Struct<Name> {
  const at: Partial<Record<Name, number>> = {};
  let end = 0;
  for (const [field, [offset, type, count = 1]] of Object.entries<Field>(fields)) {
    const size = fieldBytes[type];
    if (offset !== end || offset % size !== 0) throw new Error(`struct ${name}: ${field} is not at ${end}`);
    at[field as Name] = offset;
    end = offset + size * count;
  }
  if (end !== bytes) throw new Error(`struct ${name}: ends at ${end}, not at ${bytes}`);
  return Object.freeze({ name, bytes, at: Object.freeze(at as Record<Name, number>) });
}

/** Index of a field in a Uint32Array over the struct. */
export function wordOf<Name extends string>(layout: Struct<Name>, field: Name): number {
  return layout.at[field] / 4;
}
