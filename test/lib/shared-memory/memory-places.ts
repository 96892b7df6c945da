/** Where the numbers of the tests lie: words (32 bits) and doubles, by index. */
export const memoryBytes = 4_096;

export const place = {
  lock: 0,
  added: 2,
  exchanged: 3,
  /** Doubles. */
  guarded: 8,
  begun: 9,
  ended: 10,
} as const;
