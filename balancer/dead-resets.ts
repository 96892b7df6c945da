import { every, type Clock, type Timer } from '../lib/clock/index.ts';
import type { Doomed } from './doomed-upstreams.ts';

/** Rate at which the clients of dead chat servers are told, per balancer: slow enough that their return is no stampede. */
const resetsPerSecond = 1_000;
const roundMs = 100;

export interface DeadResetsOptions {
  readonly clock: Clock;
  /** Upstreams that have connections to be ended; empty when the monitor suspects itself. */
  readonly doomed: () => readonly Doomed[];
  /** Ends up to `most` connections of an upstream. */
  readonly reset: (doomed: Doomed, most: number) => void;
}

/** Ends the connections to doomed chat servers, paced, until they are gone or the server has recovered. */
export function startDeadResets({ clock, doomed, reset }: DeadResetsOptions): Timer {
  return every(
    clock,
    roundMs,
    () => {
      const upstreams = doomed();
      const share = Math.ceil((resetsPerSecond * roundMs) / 1_000 / Math.max(1, upstreams.length));
      for (const one of upstreams) reset(one, share);
    },
    true,
  );
}
