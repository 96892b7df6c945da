/**
 * What a request carries and its completions bring back. The kernel's 64 bits are used as two u32 halves; 52 bits are
 * taken, so that a packed pair is also a safe integer (key).
 *
 *      high u32                        low u32
 *      0 (12 bits) | generation (20)   kind (8) | slot (24)
 *
 * `kind` says which operation it is (the caller's numbering), `slot` whose, `generation` which of the slot's lives.
 */
export const kindMost = 0xff;
export const slotMost = 0xff_ffff;
export const generationMost = 0xf_ffff;

const kindShift = 24;

/** The low half. Out-of-range arguments are cut off, not told: this is the hot path. */
export function packLow(kind: number, slot: number): number {
  return ((kind << kindShift) | (slot & slotMost)) >>> 0;
}

/** The high half. */
export function packHigh(generation: number): number {
  return generation & generationMost;
}

export function unpackKind(low: number): number {
  return low >>> kindShift;
}

export function unpackSlot(low: number): number {
  return low & slotMost;
}

export function unpackGeneration(high: number): number {
  return high & generationMost;
}

/** Both halves as one safe integer, for maps and logs. */
export function key(low: number, high: number): number {
  return (high & generationMost) * 0x1_0000_0000 + (low >>> 0);
}
