/** The keys of a node: one that it presents, and those that it accepts. More than one only while the secret is changed. */
import type { ControlKey } from './key.ts';

/** A single ControlKey is one, too. Read at each handshake, so that a change needs no new connection. */
export interface ControlKeys {
  readonly presented: ControlKey;
  /** With the presented one. */
  readonly accepted: readonly ControlKey[];
  /** Runs after each change. */
  onChange?(run: () => void): void;
}

/** Keys that change while they are in use. */
export class KeyRing implements ControlKeys {
  readonly #listeners: (() => void)[] = [];
  #presented: ControlKey;
  #accepted: readonly ControlKey[];

  constructor(presented: ControlKey, others: readonly ControlKey[] = []) {
    this.#presented = presented;
    this.#accepted = [presented, ...others];
  }

  get presented(): ControlKey {
    return this.#presented;
  }

  get accepted(): readonly ControlKey[] {
    return this.#accepted;
  }

  replace(presented: ControlKey, others: readonly ControlKey[]): void {
    this.#presented = presented;
    this.#accepted = [presented, ...others];
    for (const run of this.#listeners) run();
  }

  onChange(run: () => void): void {
    this.#listeners.push(run);
  }

  toJSON(): string {
    return `keys ${this.#accepted.map(({ id }) => id).join(', ')}`;
  }
}
