import type { Clock } from '../../lib/clock/index.ts';
import { counterNames, type PlaneCounter } from '../forward/index.ts';
import type { DataPath } from './data-path.ts';
import { readCounters, type DataPathCounters } from './read-counters.ts';

/** Counters are read from the kernel at most this often. */
const freshMs = 200;

export interface Counted {
  /** New flows of a service, by its index. */
  accepted(service: number): number;
  readonly acceptedTotal: number;
  /** All others by name, with packets and bytes of all services. */
  readonly plane: Readonly<Record<string, number>>;
}

/** The kernel's counters as counts from the start of this process. */
export class CounterView {
  readonly #path: Pick<DataPath, 'maps'>;
  readonly #clock: Clock;
  readonly #base: DataPathCounters;
  #last: { readonly atMs: number; readonly counted: Counted } | undefined;

  constructor(path: Pick<DataPath, 'maps'>, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
    this.#base = readCounters(path);
  }

  read(): Counted {
    const nowMs = this.#clock.now();
    if (this.#last === undefined || nowMs - this.#last.atMs >= freshMs) {
      this.#last = { atMs: nowMs, counted: this.#count(readCounters(this.#path)) };
    }
    return this.#last.counted;
  }

  #count({ plane, services }: DataPathCounters): Counted {
    const base = this.#base;
    const sum = (pick: (service: DataPathCounters['services'][number]) => bigint): number =>
      Number(
        services.reduce((total, one, index) => total + pick(one) - pick(base.services[index] ?? one), 0n),
      );
    const names: readonly PlaneCounter[] = counterNames;
    return {
      accepted: (index) =>
        Number((services[index]?.forwardNew ?? 0n) - (base.services[index]?.forwardNew ?? 0n)),
      acceptedTotal: sum(({ forwardNew }) => forwardNew),
      plane: {
        forwardHit: sum(({ forwardHit }) => forwardHit),
        forwardNew: sum(({ forwardNew }) => forwardNew),
        forwardStray: sum(({ forwardStray }) => forwardStray),
        forwardIcmp: sum(({ forwardIcmp }) => forwardIcmp),
        forwardAnswer: sum(({ forwardAnswer }) => forwardAnswer),
        answerBytes: sum(({ answerBytes }) => answerBytes),
        forwardBytes: sum(({ bytes }) => bytes),
        ...Object.fromEntries(names.map((name) => [name, Number(plane[name] - base.plane[name])])),
      },
    };
  }
}
