/** What to do with a worker at the moment a beat is due. */
export type BeatVerdict = 'ping' | 'kill';

/** Counts the misses of one worker. Pure: told when beats fall due and when answers come. */
export class WorkerBeat {
  #beat = 0;
  #answered = true;
  #misses = 0;

  /**
   * A beat is due. `late`: the supervisor itself came late, so an answer missing now says nothing of the worker. From
   * `deadMisses` on it is to be killed.
   */
  due(deadMisses: number, late: boolean): BeatVerdict {
    if (!this.#answered && !late) this.#misses++;
    if (this.#misses >= deadMisses) return 'kill';
    this.#beat++;
    this.#answered = false;
    return 'ping';
  }

  /** An answer came. A late one shows life too, but the beat after it is still unanswered. */
  pong(beat: number): void {
    this.#misses = 0;
    if (beat === this.#beat) this.#answered = true;
  }

  /** Number of the last beat sent. */
  get beat(): number {
    return this.#beat;
  }

  /** Consecutive. */
  get misses(): number {
    return this.#misses;
  }
}
