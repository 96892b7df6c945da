/**
 * What one chatter has heard: per speaker the number of the last message. Speakers number their messages from 1, so
 * once, in order and complete can be checked with one counter each. A chatter that was away may have missed what was
 * said until it was back, and nothing else.
 */
export class ListenerRecord {
  readonly #last: Int32Array;
  /** Per speaker: messages up to this number may be missing. */
  readonly #excused: Int32Array;

  constructor(speakers: number) {
    this.#last = new Int32Array(speakers);
    this.#excused = new Int32Array(speakers);
  }

  /** Notes a message; what is wrong with it, or undefined. */
  heard(speaker: number, seq: number): string | undefined {
    const last = this.#last[speaker] ?? 0;
    if (seq <= last) return `message ${seq} of speaker ${speaker} came again, after ${last}`;
    this.#last[speaker] = seq;
    const known = Math.max(last, this.#excused[speaker] ?? 0);
    if (seq <= known + 1) return undefined;
    return `messages ${known + 1} to ${seq - 1} of speaker ${speaker} are missing`;
  }

  /** Number of the last message heard. */
  last(speaker: number): number {
    return this.#last[speaker] ?? 0;
  }

  /** The chatter is back: what was said until now may be missing. */
  back(said: Int32Array): void {
    this.#excused.set(said);
  }

  /** The first speaker of whom something is still to come; undefined when there is none. */
  awaits(said: Int32Array, self: number): number | undefined {
    for (const [speaker, count] of said.entries()) {
      if (speaker === self) continue;
      if (Math.max(this.#last[speaker] ?? 0, this.#excused[speaker] ?? 0) < count) return speaker;
    }
    return undefined;
  }
}
