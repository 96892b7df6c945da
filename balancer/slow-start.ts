import type { HealthState } from '../lib/heartbeat/index.ts';
import { wholeShare } from './scheduler.ts';

/**
 * The share of a chat server that has been up since `sinceMs`: hundredths, growing linearly from 1 to the whole over
 * `durationMs`.
 */
export function slowStartShare(sinceMs: number, nowMs: number, durationMs: number): number {
  if (durationMs <= 0 || nowMs - sinceMs >= durationMs) return wholeShare;
  const grown = Math.floor((wholeShare * (nowMs - sinceMs)) / durationMs);
  return Math.max(1, Math.min(wholeShare, grown));
}

/**
 * How long after the balancer's start a chat server that answers for the first time counts as one that was there all
 * along: they are all new to a new balancer, and none of them needs sparing.
 */
export const startMs = 3_000;

/** Since when a chat server grows into its share. Told of its states; pure. */
export class SlowStart {
  #state: HealthState = 'unknown';
  #sinceMs = -Infinity;
  readonly #fromTheStart: boolean;
  readonly #bornMs: number;

  /** `fromTheStart`: it was in the first topology; `nowMs`: when it was entered. */
  constructor(fromTheStart: boolean, nowMs: number) {
    this.#fromTheStart = fromTheStart;
    this.#bornMs = nowMs;
  }

  /** It is in this state now. */
  note(state: HealthState, nowMs: number): void {
    if (state === 'up' && this.#state !== 'up') {
      const wasThere = this.#fromTheStart && this.#state === 'unknown' && nowMs - this.#bornMs <= startMs;
      this.#sinceMs = wasThere ? -Infinity : nowMs;
    }
    this.#state = state;
  }

  /** Hundredths of its share it is to get. */
  share(nowMs: number, durationMs: number): number {
    return slowStartShare(this.#sinceMs, nowMs, durationMs);
  }
}
