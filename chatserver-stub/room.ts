/** Somebody who hears what is said. */
export interface Listener {
  send(bytes: Buffer): void;
}

interface Spoken {
  readonly line: Buffer;
  readonly except: Listener | undefined;
}

/** When a room writes out what was said; each runs its argument once. */
export interface RoomTiming {
  /** For what people say: at the end of this turn of the event loop. */
  soon(run: () => void): void;
  /** For what can wait a moment, to leave together with more of its kind. */
  later(run: () => void): void;
}

/**
 * Everybody connected here. A line is encoded once for all of them; what comes together leaves in one write per
 * listener, and the same buffer serves everybody who hears all of it. Lines stay in order, the patient ones too.
 */
export class Room {
  readonly #listeners = new Set<Listener>();
  readonly #timing: RoomTiming;
  #spoken: Spoken[] = [];
  #scheduled: 'no' | 'later' | 'soon' = 'no';
  /** Listeners who came while lines were waiting: how many of these lines are before their time. */
  readonly #newcomers = new Map<Listener, number>();

  constructor(timing: RoomTiming) {
    this.#timing = timing;
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

  /** Sends one encoded line to everybody but `except`; a patient one may wait for others. */
  broadcast(line: Buffer, except?: Listener, patient = false): void {
    if (this.#listeners.size === 0) return;
    this.#spoken.push({ line, except });
    const flush = (): void => this.flush();
    if (!patient && this.#scheduled !== 'soon') {
      this.#scheduled = 'soon';
      this.#timing.soon(flush);
    } else if (patient && this.#scheduled === 'no') {
      this.#scheduled = 'later';
      this.#timing.later(flush);
    }
  }

  /** Writes out what waits; otherwise done by itself. */
  flush(): void {
    this.#scheduled = 'no';
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
