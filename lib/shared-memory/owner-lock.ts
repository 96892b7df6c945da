/** Tries before a waiting process sleeps: longer than a holder that runs needs. */
const spins = 200;
/** Sleep between tries, milliseconds: the holder was interrupted and gets its turn meanwhile. */
const napMs = 0.05;

/** Each counts from start. */
export interface LockStats {
  /** Times the lock was not free at once. Expected. */
  waits: number;
  /** Times the lock was taken from a holder that kept it too long. Not expected. */
  broken: number;
}

/** Times `take` sees others come and go in its patience before it uses force all the same. */
const mostRounds = 20;

/** A private word to sleep on; nobody ever wakes the sleeper, time does. */
const bed = new Int32Array(new SharedArrayBuffer(4));

/**
 * A lock in shared memory: a 32-bit word, 0 when free, else the token of its holder; in the word behind it, how often it
 * was taken (modulo 2^32), by which a lock that is busy is told from one that is stuck. Nothing in it waits for ever: a try gives up in time, `breakFrom` frees what a dead holder held, and `take` breaks it by force. So what it guards must
 * stay usable when a holder is interrupted for good at any point; the lock makes it exact, not whole.
 */
export class OwnerLock {
  readonly stats: LockStats = { waits: 0, broken: 0 };
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #token: number;
  readonly #now: () => number;

  /** `words[at]` and `words[at + 1]` are the lock; `token` (not 0) is this process's own. `now` is in milliseconds. */
  constructor(
    words: Int32Array<ArrayBuffer>,
    at: number,
    token: number,
    now: () => number = () => performance.now(),
  ) {
    this.#words = words;
    this.#at = at;
    this.#token = token;
    this.#now = now;
  }

  /** Token of the holder, 0 when free. */
  get holder(): number {
    return Atomics.load(this.#words, this.#at);
  }

  /** How often it was taken; does not change while somebody keeps it. */
  get turns(): number {
    return Atomics.load(this.#words, this.#at + 1);
  }

  /** Takes the lock, waiting up to `patienceMs` (0: only as long as a running holder needs). False: not taken. */
  try(patienceMs: number): boolean {
    if (this.#grab()) return true;
    this.stats.waits++;
    for (let spin = 0; spin < spins; spin++) if (this.#grab()) return true;
    if (patienceMs <= 0) return false;
    const untilMs = this.#now() + patienceMs;
    do {
      Atomics.wait(bed, 0, 0, napMs);
      if (this.#grab()) return true;
    } while (this.#now() < untilMs);
    return false;
  }

  /** Takes the lock whatever happens: from whoever has held it for `patienceMs`. */
  take(patienceMs: number): void {
    for (let round = 0; round < mostRounds; round++) {
      const before = this.turns;
      if (this.try(patienceMs)) return;
      if (this.turns === before) break;
    }
    Atomics.add(this.#words, this.#at + 1, 1);
    Atomics.store(this.#words, this.#at, this.#token);
    this.stats.broken++;
  }

  /** Gives it back. False when it was taken away meanwhile. */
  release(): boolean {
    return Atomics.compareExchange(this.#words, this.#at, this.#token, 0) === this.#token;
  }

  /** Frees it when the process of this token holds it, which must be dead. Whether it did. */
  breakFrom(token: number): boolean {
    const broke = Atomics.compareExchange(this.#words, this.#at, token, 0) === token;
    if (broke) this.stats.broken++;
    return broke;
  }

  #grab(): boolean {
    if (Atomics.compareExchange(this.#words, this.#at, 0, this.#token) !== 0) return false;
    Atomics.add(this.#words, this.#at + 1, 1);
    return true;
  }
}
