import type { Clock } from '../lib/clock/index.ts';
import type { SoakLimit } from './options.ts';

/** A line of progress a minute; and when a soak has come to its end. */
export class Progress {
  readonly #limit: SoakLimit;
  readonly #clock: Clock;
  readonly #print: (line: string) => void;
  readonly #beganMs: number;
  #toldMs: number;
  #cases = 0;

  constructor(limit: SoakLimit, clock: Clock, print: (line: string) => void) {
    this.#limit = limit;
    this.#clock = clock;
    this.#print = print;
    this.#beganMs = clock.now();
    this.#toldMs = this.#beganMs;
  }

  get cases(): number {
    return this.#cases;
  }

  get elapsedMs(): number {
    return this.#clock.now() - this.#beganMs;
  }

  /** Cases there are still to do; infinite when time ends it. */
  get casesLeft(): number {
    return (this.#limit.cases ?? Infinity) - this.#cases;
  }

  get isOver(): boolean {
    return this.casesLeft <= 0 || this.elapsedMs >= (this.#limit.untilMs ?? Infinity);
  }

  /** So many more cases are done; `detail` is what else a line of progress says. */
  advance(cases: number, detail: () => string = () => ''): void {
    this.#cases += cases;
    const now = this.#clock.now();
    if (now - this.#toldMs < minuteMs) return;
    this.#toldMs = now;
    const { cases: goal, untilMs } = this.#limit;
    const minutes = (this.elapsedMs / minuteMs).toFixed(0);
    const done = `${this.#cases}${goal === undefined ? '' : ` of ${goal}`} cases`;
    const length = untilMs === undefined ? '' : ` of ${(untilMs / minuteMs).toFixed(0)}`;
    this.#print([`${minutes}${length} min`, done, detail()].filter(Boolean).join(', '));
  }
}

const minuteMs = 60_000;
