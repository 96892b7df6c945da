/**
 * Byte layouts: one table per struct, read by the eBPF program, the control plane and the tests alike. The
 * byte order is in the name of the type (`be16` is big-endian; `u16` is little-endian, the order of every
 * machine headgate runs its programs on), padding is explicit, and the size is asserted. Knows lib/errors
 * only.
 */
export {
  layout,
  type FieldPlace,
  type Fields,
  type Layout,
  type LayoutOptions,
  type Values,
} from './layout.ts';
export {
  array,
  be16,
  be32,
  be64,
  bytes,
  f64,
  i16,
  i32,
  i64,
  i8,
  pad,
  struct,
  u16,
  u32,
  u64,
  u8,
  type FieldType,
  type Padding,
} from './field.ts';
