/**
 * What a request works on: a plain descriptor (a file descriptor of the process), or a direct one, which is a slot of
 * the ring's own table and counts against no limit of the process. Both are one number: direct descriptors have
 * bit 30, which no plain descriptor reaches (fs.nr_open is below it).
 */
export type Descriptor = number;

const directBit = 0x4000_0000;

/** The direct descriptor in `slot`. */
export function direct(slot: number): Descriptor {
  return slot | directBit;
}

export function isDirect(descriptor: Descriptor): boolean {
  return descriptor >= directBit;
}

/** The slot of a direct descriptor. */
export function slotOf(descriptor: Descriptor): number {
  return descriptor & ~directBit;
}
