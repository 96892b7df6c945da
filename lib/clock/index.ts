/** Time as an argument: what decides by time takes a Clock, so that tests own it. */

/** A pending timer; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Monotonic milliseconds, may have fractions; only differences mean anything. */
  now(): number;
  /**
   * Calls `run` once, `delayMs` from now, however long that is. Does not keep the process alive when `background` is
   * true.
   */
  after(delayMs: number, run: () => void, background?: boolean): Timer;
}

/** Longest delay of one timer of Node, milliseconds: a longer one is over after 1 ms (setTimeout in its documentation). */
const longestTimerMs = 2 ** 31 - 1;

/** The machine's monotonic clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, run, background = false) {
    let timer: NodeJS.Timeout;
    wait(Math.max(0, delayMs));
    function wait(leftMs: number): void {
      timer =
        leftMs <= longestTimerMs
          ? setTimeout(run, leftMs)
          : setTimeout(() => wait(leftMs - longestTimerMs), longestTimerMs);
      if (background) timer.unref();
    }
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Calls `run` every `intervalMs` until cancelled; the next call is due one interval after the last was due. */
export function every(clock: Clock, intervalMs: number, run: () => void, background = false): Timer {
  let due = clock.now() + intervalMs;
  let timer = clock.after(intervalMs, tick, background);
  let cancelled = false;
  function tick(): void {
    run();
    if (cancelled) return;
    due = Math.max(due + intervalMs, clock.now());
    timer = clock.after(due - clock.now(), tick, background);
  }
  return {
    cancel() {
      cancelled = true;
      timer.cancel();
    },
  };
}
