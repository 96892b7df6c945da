/** How a soak ended. */
export interface SoakResult {
  readonly cases: number;
  /** Everything that broke a promise, in words; empty when all held. */
  readonly problems: readonly string[];
  /** What else is worth keeping, by name. */
  readonly facts: Readonly<Record<string, unknown>>;
}
