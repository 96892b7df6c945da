import type { Clock } from '../../clock/index.ts';
import { getrlimitNofile } from '../../linux/index.ts';
import { RelayBooks, type Closable } from '../books.ts';
import type { RelayOptions } from '../types.ts';
import { HalfClosed } from './half-closed.ts';

/** A connection that has a destination. */
export interface Joined extends Closable {
  /** Its destination was declared dead. */
  reset(): void;
}

/**
 * Descriptors left free by accepting. Without a free one libuv accepts and closes clients by itself, with FIN and
 * uncounted; and whoever else in the process opens a file for a moment needs one too.
 */
const spareDescriptors = 8;

/** The books of a relay on Node's sockets, and its registers. */
export class RelayCore extends RelayBooks {
  /** What close() has to end; each takes itself out when it has ended. */
  readonly listeners = new Set<Closable>();
  readonly joined = new Map<string, Set<Joined>>();
  readonly halfClosed: HalfClosed;
  readonly #descriptors = getrlimitNofile()?.soft ?? Infinity;

  constructor(options: RelayOptions, clock: Clock) {
    super(options, clock);
    this.halfClosed = new HalfClosed(clock);
  }

  /**
   * Whether a client accepted on descriptor `fd` would take the last ones. Descriptors are given out lowest first, so
   * all below `fd` are in use; each opening is going to need one more.
   */
  isShortOfDescriptors(fd: number | undefined): boolean {
    return fd !== undefined && fd + this.openings.size + spareDescriptors >= this.#descriptors;
  }

  register(destination: string, connection: Joined): void {
    const members = this.joined.get(destination);
    if (members === undefined) this.joined.set(destination, new Set([connection]));
    else members.add(connection);
  }

  unregister(destination: string, connection: Joined): void {
    const members = this.joined.get(destination);
    if (members?.delete(connection) === true && members.size === 0) this.joined.delete(destination);
  }
}
