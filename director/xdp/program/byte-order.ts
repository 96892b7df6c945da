/** A 16-bit number as it reads when its big-endian form is loaded without turning it: for comparisons and stores. */
export function raw16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}
