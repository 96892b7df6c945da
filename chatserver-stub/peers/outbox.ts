import type { PeerEvent } from './peer-events.ts';

/** Told once how an event ended: `true` when the peer took it, `false` when it was refused or given up. */
export type Settled = (taken: boolean) => void;

interface Waiting {
  readonly event: PeerEvent;
  readonly bytes: number;
  readonly settled: Settled | undefined;
}

export interface OutboxLimits {
  readonly mostEvents: number;
  readonly mostBytes: number;
}

/**
 * The events for one peer, numbered from 1, kept until the peer has taken them. Bounded: what does not fit is for
 * the caller to give up.
 */
export class Outbox {
  readonly #limits: OutboxLimits;
  #waiting: Waiting[] = [];
  #bytes = 0;
  /** Number of the last event taken or given up. */
  #base = 0;

  constructor(limits: OutboxLimits) {
    this.#limits = limits;
  }

  /** Number of the last event that is no longer kept. */
  get base(): number {
    return this.#base;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** False when it is full; then nothing was added. */
  push(event: PeerEvent, bytes: number, settled?: Settled): boolean {
    if (this.#waiting.length >= this.#limits.mostEvents || this.#bytes + bytes > this.#limits.mostBytes) {
      return false;
    }
    this.#waiting.push({ event, bytes, settled });
    this.#bytes += bytes;
    return true;
  }

  /** The oldest events, at most this many and this large, but at least one when there is one. */
  batch(mostEvents: number, mostBytes: number): PeerEvent[] {
    const events: PeerEvent[] = [];
    let bytes = 0;
    for (const waiting of this.#waiting) {
      bytes += waiting.bytes;
      if (events.length >= mostEvents || (bytes > mostBytes && events.length > 0)) break;
      events.push(waiting.event);
    }
    return events;
  }

  /** The peer has taken every event up to number `taken`, but the `refused` ones came to nothing. */
  acknowledge(taken: number, refused: readonly number[] = []): void {
    const count = Math.min(taken - this.#base, this.#waiting.length);
    if (count <= 0) return;
    const done = this.#waiting.splice(0, count);
    const first = this.#base + 1;
    this.#base += count;
    for (const { bytes } of done) this.#bytes -= bytes;
    for (const [index, { settled }] of done.entries()) settled?.(!refused.includes(first + index));
  }

  /** Gives up everything that waits; how many. */
  giveUp(): number {
    const lost = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    this.#base += lost.length;
    for (const { settled } of lost) settled?.(false);
    return lost.length;
  }
}
