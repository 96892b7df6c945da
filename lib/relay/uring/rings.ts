import type { Clock } from '../../clock/index.ts';
import { getrlimitNofile } from '../../linux/index.ts';
import { missingFeatures, uringSupport } from '../../linux/uring/index.ts';
import { RelayBooks } from '../books.ts';
import type { RelayOptions } from '../types.ts';
import { UringCore } from './core.ts';
import type { UringListener } from './listener.ts';
import { planRings, type RingPlan, type RingTuning } from './ring-plan.ts';

/**
 * Shared receive buffers, and entries for requests, of a relay's first ring and of each further one. Those have connections
 * only when there are thousands, and their buffers are memory that is shared out among these. Entries count against
 * RLIMIT_MEMLOCK, often 8 MiB for all processes of a user, unless that user has CAP_IPC_LOCK.
 */
const sizesOfFirst = { buffers: 512, entries: 1_024 };
const sizesOfOthers = { buffers: 128, entries: 512 };

/** What tests turn so that rare paths become the rule. */
export interface UringTuning extends RingTuning {
  /** Shared receive buffers per ring, a power of two. */
  readonly buffers?: number;
  /** Whether the kernel may bound multishot receives (Linux 6.17); false: single ones. Default: whether it can. */
  readonly boundsReceives?: boolean;
}

/** The rings of a relay, their common books, and which one takes the next client: the first that has room. */
export class Rings {
  readonly books: RelayBooks;
  readonly plan: RingPlan;
  readonly listeners = new Set<UringListener>();
  readonly #cores: UringCore[] = [];
  isClosed = false;

  /** Throws HEADGATE_LINUX_SYSCALL (EMFILE, ENOMEM), HEADGATE_URING_*. */
  constructor(options: RelayOptions, clock: Clock, tuning: UringTuning) {
    this.books = new RelayBooks(options, clock);
    this.plan = planRings(options.limit, getrlimitNofile()?.soft ?? Infinity, tuning);
    const { rings, rows } = this.plan;
    const boundsReceives =
      tuning.boundsReceives ?? missingFeatures(uringSupport(), ['receiveLimit']).length === 0;
    try {
      for (let index = 0; index < rings; index++) {
        const sizes = index === 0 ? sizesOfFirst : sizesOfOthers;
        const { entries } = sizes;
        const buffers = tuning.buffers ?? sizes.buffers;
        this.#cores.push(new UringCore(this, { index, rows, buffers, entries, boundsReceives }));
      }
    } catch (error) {
      for (const core of this.#cores) core.machine.close();
      throw error;
    }
  }

  /** Whether all rows but those for accepts are taken. */
  get isShortOfDescriptors(): boolean {
    return this.books.stats.connections >= this.plan.capacity;
  }

  /** The ring for the next accept: few connections stay in few rings, which then have more to do per turn. */
  withRoom(): UringCore | undefined {
    return this.#cores.find((core) => core.hasRoom);
  }

  core(index: number): UringCore {
    return this.#cores[index]!;
  }

  /** Keeps the process alive while there is something to wait for. */
  refresh(): void {
    const { loop } = this.#cores[0]!.machine;
    if (this.listeners.size > 0 || this.books.stats.connections > 0) loop.ref();
    else loop.unref();
  }

  /** After each batch of a ring. */
  afterBatch(): void {
    for (const listener of this.listeners) listener.arm();
    this.refresh();
  }

  destinations(): ReadonlyMap<string, number> {
    const [first, ...others] = this.#cores.map(({ destinations }) => destinations.counts());
    for (const counts of others) {
      for (const [id, count] of counts) first!.set(id, (first!.get(id) ?? 0) + count);
    }
    return first!;
  }

  /** Ends up to `most` connections of a destination, oldest first over all rings; returns how many. */
  reset(destination: string, most: number): number {
    const oldest = this.#cores.flatMap((core) => core.oldest(destination, most));
    if (this.#cores.length > 1) oldest.sort((one, other) => one.startedMs - other.startedMs);
    const doomed = oldest.slice(0, Math.max(0, most));
    for (const { core, row } of doomed) core.endRow(row, 'dead');
    return doomed.length;
  }

  /** Counters for people who look into the engine, summed over the rings. */
  engineStats(): Record<string, number> {
    const sums: Record<string, number> = { rings: this.#cores.length };
    for (const core of this.#cores) {
      for (const [name, value] of Object.entries(core.engineStats())) sums[name] = (sums[name] ?? 0) + value;
    }
    return sums;
  }

  /** Ends all connections, waits until their sockets are closed, then closes the rings. */
  async close(): Promise<void> {
    this.isClosed = true;
    for (const opening of this.books.openings) opening.close();
    await Promise.all(this.#cores.map((core) => core.close()));
  }
}
