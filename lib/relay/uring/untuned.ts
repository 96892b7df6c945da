import type { Clock, Timer } from '../../clock/index.ts';
import type { RelaySettings } from '../types.ts';
import type { Machine } from './machine.ts';
import { tuneDestination } from './tune.ts';

/** Far below the least time limit there is, one second. */
const delayMs = 250;

/**
 * Destinations whose time limits are still to be set. They are set all together a moment after the connect: a connection that
 * ends before needs none, and the options cost as much as a message.
 */
export class Untuned {
  readonly #machine: Machine;
  readonly #clock: Clock;
  #rows: number[] = [];
  #generations: number[] = [];
  #settings: RelaySettings[] = [];
  #timer: Timer | undefined;

  constructor(machine: Machine, clock: Clock) {
    this.#machine = machine;
    this.#clock = clock;
  }

  add(row: number, settings: RelaySettings): void {
    this.#rows.push(row);
    this.#generations.push(this.#machine.table.generation(row));
    this.#settings.push(settings);
    this.#timer ??= this.#clock.after(delayMs, () => this.#tuneAll(), true);
  }

  close(): void {
    this.#timer?.cancel();
  }

  #tuneAll(): void {
    const { table, loop } = this.#machine;
    this.#timer = undefined;
    for (const [index, row] of this.#rows.entries()) {
      const isSame = table.isLive(row) && table.generation(row) === this.#generations[index];
      if (isSame) tuneDestination(this.#machine, row, this.#settings[index]!);
    }
    this.#rows = [];
    this.#generations = [];
    this.#settings = [];
    loop.flush();
  }
}
