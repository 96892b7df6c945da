import { systemClock } from '../../clock/index.ts';
import { abandoned } from '../failures.ts';
import { requireUring } from '../../linux/uring/index.ts';
import type { CreateRelay, ListenSpec, Relay, RelayListener, RelayOptions, RelayStats } from '../types.ts';
import { UringListener } from './listener.ts';
import { needs } from './needs.ts';
import { Rings, type UringTuning } from './rings.ts';

/**
 * The engine on io_uring (Linux 6.11 or later, not forbidden). Throws HEADGATE_URING_UNAVAILABLE where it cannot work, which
 * missingForUring() tells beforehand.
 */
export const createUringRelay: CreateRelay = (options) => tunedUringRelay({})(options);

/** The engine with what tests turn. */
export function tunedUringRelay(tuning: UringTuning): CreateRelay {
  return (options) => {
    requireUring(needs);
    return new UringRelay(options, tuning);
  };
}

class UringRelay implements Relay {
  readonly engine = 'uring';
  readonly limit: number;
  readonly #rings: Rings;
  #closing: Promise<void> | undefined;

  constructor(options: RelayOptions, tuning: UringTuning) {
    this.#rings = new Rings(options, options.clock ?? systemClock, tuning);
    this.limit = this.#rings.plan.capacity;
  }

  listen(spec: ListenSpec): Promise<RelayListener> {
    // Failures are rejections, as with any engine.
    return Promise.resolve().then(() => {
      if (this.#closing !== undefined) throw abandoned('closed');
      return UringListener.listen(this.#rings, spec);
    });
  }

  stats(): RelayStats {
    return { ...this.#rings.books.stats };
  }

  engineStats(): Readonly<Record<string, number>> {
    return this.#rings.engineStats();
  }

  destinations(): ReadonlyMap<string, number> {
    return this.#rings.destinations();
  }

  reset(destination: string, most: number): number {
    return this.#rings.reset(destination, most);
  }

  onIdle(run: () => void): void {
    this.#rings.books.whenIdle(run);
  }

  close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    for (const listener of this.#rings.listeners) listener.closeNow();
    this.#closing = this.#rings.close();
    return this.#closing;
  }
}
