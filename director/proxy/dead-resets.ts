import type { Clock, Timer } from '../../lib/clock/index.ts';
import { jitteredPauseMs, paceResets, type PaceState } from '../reset-pacing.ts';

/** How often a dead balancer without connections is looked at again: a connect may have been under way. */
const idleCheckMs = 1_000;

export interface DeadResetsOptions {
  readonly clock: Clock;
  /** From 0 (included) to 1. */
  readonly random: () => number;
  /** From now on. */
  readonly ratePerSecond: () => number;
  /** Live connections by balancer id. */
  readonly connections: () => ReadonlyMap<string, number>;
  /** Ends up to `most` connections of a balancer; returns how many. */
  readonly reset: (id: string, most: number) => number;
}

/** Ends the connections of dead balancers in paced rounds, until they are gone or the balancer has recovered. */
export class DeadResets {
  readonly #options: DeadResetsOptions;
  #dead: ReadonlySet<string> = new Set();
  #pace: PaceState = { credit: 0, atMs: 0 };
  #timer: Timer | undefined;
  #total = 0;

  constructor(options: DeadResetsOptions) {
    this.#options = options;
  }

  /** Connections ended so. */
  get total(): number {
    return this.#total;
  }

  /** Replaces the set of dead balancers; one that is no longer in it keeps what it still has. */
  setDead(ids: readonly string[]): void {
    if (ids.length === this.#dead.size && ids.every((id) => this.#dead.has(id))) return;
    const { clock, random } = this.#options;
    // A round under way keeps its pace; after a rest nothing has been saved up.
    if (this.#dead.size === 0) this.#pace = { credit: 0, atMs: clock.now() };
    this.#dead = new Set(ids);
    this.#timer?.cancel();
    if (ids.length > 0) this.#timer = clock.after(jitteredPauseMs(random()), () => this.#round(), true);
  }

  close(): void {
    this.setDead([]);
  }

  #round(): void {
    const { clock, random, ratePerSecond, connections, reset } = this.#options;
    const waiting = new Map([...connections()].filter(([id, count]) => count > 0 && this.#dead.has(id)));
    const round = paceResets(this.#pace, clock.now(), waiting, ratePerSecond(), random());
    this.#pace = round.state;
    for (const [id, count] of round.resets) this.#total += reset(id, count);
    const pauseMs = waiting.size === 0 ? idleCheckMs : round.pauseMs;
    this.#timer = clock.after(pauseMs, () => this.#round(), true);
  }
}
