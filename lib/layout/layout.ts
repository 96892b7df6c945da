import { HeadgateError } from '../errors/index.ts';
import type { FieldType, Padding } from './field.ts';

/** The table of a struct: name → type, in memory order. */
export type Fields = Readonly<Record<string, FieldType<unknown> | Padding>>;

type ValueOf<Type> = Type extends { read(view: DataView, at: number): infer Value } ? Value : never;

/** What a struct reads as: every field but the padding. */
export type Values<F extends Fields> = {
  readonly [Name in keyof F as F[Name] extends Padding ? never : Name]: ValueOf<F[Name]>;
};

/** Where a field lies; what the assembler needs to load or store it. Offset and size in bytes. */
export interface FieldPlace {
  readonly offset: number;
  readonly size: number;
  readonly type: string;
}

export interface LayoutOptions {
  /** Asserted size in bytes. */
  readonly size: number;
}

/** Anything whose bytes a layout can read: a view of memory or a byte array. */
export type Memory = DataView | Uint8Array;

export interface Layout<F extends Fields> {
  readonly name: string;
  /** Size in bytes, padding included. */
  readonly size: number;
  /** Alignment in bytes: that of the strictest field. */
  readonly align: number;
  readonly fields: Readonly<Record<keyof F & string, FieldPlace>>;
  offsetOf(field: keyof F & string): number;
  read(memory: Memory, at?: number): Values<F>;
  /** Writes the fields that are given and leaves the others. Throws HEADGATE_LAYOUT_VALUE. */
  write(memory: Memory, values: Partial<Values<F>> | Values<F>, at?: number): void;
  get<Name extends keyof Values<F> & string>(memory: Memory, field: Name, at?: number): Values<F>[Name];
  set<Name extends keyof Values<F> & string>(
    memory: Memory,
    field: Name,
    value: Values<F>[Name],
    at?: number,
  ): void;
  /** A fresh array of `size` bytes with these values and zeroed padding. */
  encode(values: Values<F>): Uint8Array;
}

function viewOf(memory: Memory): DataView {
  return memory instanceof DataView
    ? memory
    : new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
}

function invalid(name: string, problem: string): HeadgateError {
  return new HeadgateError('HEADGATE_LAYOUT_INVALID', `layout ${name}: ${problem}`);
}

/**
 * Makes a layout from its table. Nothing is padded behind your back: throws HEADGATE_LAYOUT_INVALID when a
 * field is not at a multiple of its size, when the whole is not a multiple of the strictest field, or when it
 * is not `options.size`.
 *
 * ```ts
 * const flowKey = layout('flow_key', { client: bytes(16), clientPort: be16, service: u16 }, { size: 20 });
 * flowKey.offsetOf('clientPort'); // 16
 * ```
 */
export function layout<const F extends Fields>(name: string, fields: F, options: LayoutOptions): Layout<F> {
  const places: Record<string, FieldPlace> = {};
  const types = new Map<string, { readonly type: FieldType<unknown>; readonly offset: number }>();
  let size = 0;
  let align = 1;
  for (const [field, type] of Object.entries(fields)) {
    if (size % type.align !== 0) {
      throw invalid(name, `${field} (${type.name}) lies at ${size}, not at a multiple of ${type.align}`);
    }
    places[field] = Object.freeze({ offset: size, size: type.size, type: type.name });
    if (!('padding' in type)) types.set(field, { type, offset: size });
    size += type.size;
    align = Math.max(align, type.align);
  }
  if (size !== options.size) throw invalid(name, `is ${size} bytes long, not ${options.size}`);
  if (size % align !== 0) throw invalid(name, `its size ${size} is not a multiple of ${align}: pad the end`);

  const find = (field: string) => {
    const found = types.get(field);
    if (found === undefined) throw invalid(name, `has no field ${field}`);
    return found;
  };
  const self: Layout<F> = {
    name,
    size,
    align,
    fields: Object.freeze(places) as Layout<F>['fields'],
    offsetOf(field) {
      const place = places[field];
      if (place === undefined) throw invalid(name, `has no field ${field}`);
      return place.offset;
    },
    read(memory, at = 0) {
      const view = viewOf(memory);
      const values: Record<string, unknown> = {};
      for (const [field, { type, offset }] of types) values[field] = type.read(view, at + offset);
      return values as Values<F>;
    },
    write(memory, values, at = 0) {
      const view = viewOf(memory);
      for (const [field, value] of Object.entries(values)) {
        const { type, offset } = find(field);
        type.write(view, at + offset, value);
      }
    },
    get(memory, field, at = 0) {
      const { type, offset } = find(field);
      return type.read(viewOf(memory), at + offset) as Values<F>[typeof field];
    },
    set(memory, field, value, at = 0) {
      const { type, offset } = find(field);
      type.write(viewOf(memory), at + offset, value);
    },
    encode(values) {
      const memory = new Uint8Array(size);
      self.write(memory, values);
      return memory;
    },
  };
  return Object.freeze(self);
}
