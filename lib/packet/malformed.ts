/** What is wrong with bytes that should be a packet, and where. */
export interface Malformed {
  readonly kind: 'malformed';
  /** The header that is wrong: `ipv4`. */
  readonly layer: string;
  /** Of the first byte that is wrong or missing. */
  readonly offset: number;
  /** Lower case, no full stop. */
  readonly reason: string;
}

export function malformed(layer: string, offset: number, reason: string): Malformed {
  return { kind: 'malformed', layer, offset, reason };
}

export function isMalformed(parsed: { readonly kind: string }): parsed is Malformed {
  return parsed.kind === 'malformed';
}

/** Malformed when fewer than `needed` bytes lie between `offset` and `end`. */
export function truncated(layer: string, offset: number, end: number, needed: number): Malformed | undefined {
  const have = Math.max(0, end - offset);
  if (have >= needed) return undefined;
  return malformed(layer, offset + have, `truncated: ${have} of ${needed} bytes`);
}
