import { HeadgateError } from '../errors/index.ts';
import type { Fields, Layout, Values } from './layout.ts';

/**
 * How one field lies in memory. `align` is in bytes; reading and writing happen at an absolute offset in
 * `view`.
 */
export interface FieldType<Value> {
  readonly name: string;
  readonly size: number;
  readonly align: number;
  read(view: DataView, at: number): Value;
  /** Throws HEADGATE_LAYOUT_VALUE when `value` does not fit. */
  write(view: DataView, at: number, value: Value): void;
}

/** Bytes that carry nothing, always zero: the kernel compares hash keys with their padding. */
export interface Padding {
  readonly name: 'pad';
  readonly size: number;
  readonly align: 1;
  readonly padding: true;
}

function misfit(type: string, value: unknown): HeadgateError {
  return new HeadgateError('HEADGATE_LAYOUT_VALUE', `${String(value)} does not fit a field of type ${type}`);
}

interface NumberAccess {
  read(view: DataView, at: number): number;
  write(view: DataView, at: number, value: number): void;
}

function integer(name: string, size: 1 | 2 | 4, signed: boolean, access: NumberAccess): FieldType<number> {
  const minimum = signed ? -(2 ** (size * 8 - 1)) : 0;
  const maximum = 2 ** (size * 8 - (signed ? 1 : 0)) - 1;
  return Object.freeze<FieldType<number>>({
    name,
    size,
    align: size,
    read: (view, at) => access.read(view, at),
    write(view, at, value) {
      if (!Number.isInteger(value) || value < minimum || value > maximum) throw misfit(name, value);
      access.write(view, at, value);
    },
  });
}

function wide(name: string, signed: boolean, littleEndian: boolean): FieldType<bigint> {
  return Object.freeze<FieldType<bigint>>({
    name,
    size: 8,
    align: 8,
    read: (view, at) => (signed ? view.getBigInt64(at, littleEndian) : view.getBigUint64(at, littleEndian)),
    write(view, at, value) {
      if ((signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)) !== value)
        throw misfit(name, value);
      view.setBigUint64(at, BigInt.asUintN(64, value), littleEndian);
    },
  });
}

export const u8 = integer('u8', 1, false, {
  read: (view, at) => view.getUint8(at),
  write: (view, at, value) => view.setUint8(at, value),
});
export const u16 = integer('u16', 2, false, {
  read: (view, at) => view.getUint16(at, true),
  write: (view, at, value) => view.setUint16(at, value, true),
});
export const u32 = integer('u32', 4, false, {
  read: (view, at) => view.getUint32(at, true),
  write: (view, at, value) => view.setUint32(at, value, true),
});
export const u64 = wide('u64', false, true);
export const i8 = integer('i8', 1, true, {
  read: (view, at) => view.getInt8(at),
  write: (view, at, value) => view.setInt8(at, value),
});
export const i16 = integer('i16', 2, true, {
  read: (view, at) => view.getInt16(at, true),
  write: (view, at, value) => view.setInt16(at, value, true),
});
export const i32 = integer('i32', 4, true, {
  read: (view, at) => view.getInt32(at, true),
  write: (view, at, value) => view.setInt32(at, value, true),
});
export const i64 = wide('i64', true, true);
export const be16 = integer('be16', 2, false, {
  read: (view, at) => view.getUint16(at),
  write: (view, at, value) => view.setUint16(at, value),
});
export const be32 = integer('be32', 4, false, {
  read: (view, at) => view.getUint32(at),
  write: (view, at, value) => view.setUint32(at, value),
});
export const be64 = wide('be64', false, false);

/** A JavaScript number as it is (IEEE 754 double, little-endian); every number fits. */
export const f64 = Object.freeze<FieldType<number>>({
  name: 'f64',
  size: 8,
  align: 8,
  read: (view, at) => view.getFloat64(at, true),
  write: (view, at, value) => view.setFloat64(at, value, true),
});

/** `size` raw bytes, such as an address; read as a view on the bytes, not a copy. Has no alignment. */
export function bytes(size: number): FieldType<Uint8Array> {
  const name = `bytes(${size})`;
  return Object.freeze<FieldType<Uint8Array>>({
    name,
    size,
    align: 1,
    read: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, size),
    write(view, at, value) {
      if (value.length !== size) throw misfit(name, `an array of ${value.length} bytes`);
      new Uint8Array(view.buffer, view.byteOffset + at, size).set(value);
    },
  });
}

/** `size` bytes of padding. */
export function pad(size: number): Padding {
  return Object.freeze<Padding>({ name: 'pad', size, align: 1, padding: true });
}

/** `count` fields of one type in a row. */
export function array<Value>(type: FieldType<Value>, count: number): FieldType<readonly Value[]> {
  const name = `${type.name}[${count}]`;
  return Object.freeze<FieldType<readonly Value[]>>({
    name,
    size: type.size * count,
    align: type.align,
    read: (view, at) => Array.from({ length: count }, (_, index) => type.read(view, at + index * type.size)),
    write(view, at, value) {
      if (value.length !== count) throw misfit(name, `an array of ${value.length} values`);
      value.forEach((item, index) => type.write(view, at + index * type.size, item));
    },
  });
}

/** A struct within a struct. */
export function struct<F extends Fields>(inner: Layout<F>): FieldType<Values<F>> {
  return Object.freeze<FieldType<Values<F>>>({
    name: inner.name,
    size: inner.size,
    align: inner.align,
    read: (view, at) => inner.read(view, at),
    write: (view, at, value) => inner.write(view, value, at),
  });
}
