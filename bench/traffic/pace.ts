/** Calls for one number after the other at a steady rate; what a late tick missed follows at once. */
export class Pace {
  readonly #usual: (number: number, dueMs: number) => void;
  #each: (number: number, dueMs: number) => void;
  #first = 0;
  #next = 0;
  #end = 0;
  #perMs = 0;
  #beganMs = 0;

  constructor(each: (number: number, dueMs: number) => void) {
    this.#usual = this.#each = each;
  }

  /** From `first` to below `end`, from now on. */
  start(first: number, end: number, perSecond: number, each = this.#usual): void {
    this.#each = each;
    this.#first = this.#next = first;
    this.#end = end;
    this.#perMs = perSecond / 1_000;
    this.#beganMs = performance.now();
  }

  stop(): void {
    this.#end = this.#next;
  }

  tick(nowMs: number): void {
    const due = Math.min(this.#end, this.#first + (nowMs - this.#beganMs) * this.#perMs);
    while (this.#next < due) {
      const number = this.#next++;
      this.#each(number, this.#beganMs + (number - this.#first) / this.#perMs);
    }
  }
}
