/** Somebody who hears what is said. */
export interface Listener {
  send(bytes: Buffer): void;
}

interface Spoken {
  readonly line: Buffer;
  readonly except: Listener | undefined;
}

/**
 * Everybody connected here. A line is encoded once for all of them; what comes together (in one turn of the event
 * loop) leaves in one write per listener, and the same buffer serves everybody who hears all of it.
 */
export class Room {
  readonly #listeners = new Set<Listener>();
  readonly #defer: (run: () => void) => void;
  #spoken: Spoken[] = [];
  /** Listeners who came while lines were waiting: how many of these lines are before their time. */
  readonly #newcomers = new Map<Listener, number>();

  /** `defer` runs a function soon, once. */
  constructor(defer: (run: () => void) => void = setImmediate) {
    this.#defer = defer;
  }

  get size(): number {
    return this.#listeners.size;
  }

  add(listener: Listener): void {
    this.#listeners.add(listener);
    if (this.#spoken.length > 0) this.#newcomers.set(listener, this.#spoken.length);
  }

  remove(listener: Listener): void {
    this.#listeners.delete(listener);
    this.#newcomers.delete(listener);
  }

  /** Sends one encoded line to everybody but `except`. */
  broadcast(line: Buffer, except?: Listener): void {
    if (this.#listeners.size === 0) return;
    if (this.#spoken.push({ line, except }) === 1) this.#defer(() => this.flush());
  }

  /** Writes out what waits; otherwise done by itself. */
  flush(): void {
    if (this.#spoken.length === 0) return;
    const spoken = this.#spoken;
    this.#spoken = [];
    const newcomers = new Map(this.#newcomers);
    this.#newcomers.clear();
    const excepted = new Set(spoken.map(({ except }) => except));
    const everything = joined(spoken);
    for (const listener of this.#listeners) {
      const from = newcomers.get(listener) ?? 0;
      if (from === 0 && !excepted.has(listener)) {
        listener.send(everything);
        continue;
      }
      const heard = spoken.slice(from).filter(({ except }) => except !== listener);
      if (heard.length > 0) listener.send(joined(heard));
    }
  }
}

function joined(spoken: readonly Spoken[]): Buffer {
  const [first] = spoken;
  if (spoken.length === 1 && first !== undefined) return first.line;
  return Buffer.concat(spoken.map(({ line }) => line));
}
