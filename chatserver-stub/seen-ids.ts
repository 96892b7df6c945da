/** A map of the newest `most` keys: the one that was set longest ago is forgotten first. */
class Newest<Value> {
  readonly #most: number;
  readonly #values = new Map<string, Value>();

  constructor(most: number) {
    this.#most = most;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Value): void {
    // Deleting first moves the key to the end of the map's order.
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size <= this.#most) return;
    const oldest = this.#values.keys().next();
    if (oldest.done !== true) this.#values.delete(oldest.value);
  }
}

/**
 * Remembers which messages arrived, so that what a client sends again after a reconnect is delivered once. Says
 * reach every chat server in order: the highest id per session is enough. A tell reaches one chat server only, and
 * another one when its receiver has moved: each is remembered. Bounded.
 */
export class SeenIds {
  readonly #says: Newest<number>;
  readonly #tells: Newest<true>;

  /** `most` sessions that say, `most` tells. */
  constructor(most: number) {
    this.#says = new Newest(most);
    this.#tells = new Newest(most);
  }

  /** Whether this say is new; from then on it is not. */
  isNewSay(name: string, session: string, id: number): boolean {
    const key = `${name} ${session}`;
    const highest = this.#says.get(key) ?? 0;
    if (id <= highest) return false;
    this.#says.set(key, id);
    return true;
  }

  /** The same for a tell. */
  isNewTell(name: string, session: string, id: number): boolean {
    const key = `${name} ${session} ${id}`;
    if (this.#tells.get(key) === true) return false;
    this.#tells.set(key, true);
    return true;
  }
}
