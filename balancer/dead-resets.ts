import { every, type Clock, type Timer } from '../lib/clock/index.ts';

/** Rate at which the clients of dead chat servers are told, per balancer: slow enough that their return is no stampede. */
const resetsPerSecond = 1_000;
const roundMs = 100;

export interface DeadResetsOptions {
  readonly clock: Clock;
  /** Keys of the dead upstreams that still have connections; empty when the monitor suspects itself. */
  readonly dead: () => readonly string[];
  /** Ends up to `most` connections of an upstream. */
  readonly reset: (key: string, most: number) => void;
}

/** Ends the connections to dead chat servers, paced, until they are gone or the server has recovered. */
export function startDeadResets({ clock, dead, reset }: DeadResetsOptions): Timer {
  return every(
    clock,
    roundMs,
    () => {
      const keys = dead();
      const share = Math.ceil((resetsPerSecond * roundMs) / 1_000 / Math.max(1, keys.length));
      for (const key of keys) reset(key, share);
    },
    true,
  );
}
