import type { Clock, Timer } from '../clock/index.ts';
import { FlowSender, type FlowSource } from './sender.ts';
import type { FlowFrame } from './types.ts';

/** How long changes gather before they are told, milliseconds. */
export const gatherMs = 100;

export interface SendingOptions {
  readonly source: FlowSource;
  readonly clock: Clock;
  /**
   * Sends a frame; false when it could not. `sent` runs when it has left the process, never within the call; never when
   * the receiver is gone, after which `close` is called.
   */
  readonly send: (frame: FlowFrame, sent: () => void) => boolean;
}

/** Carries out what a FlowSender decides: one frame on its way at a time, changes at most 100 ms late. */
export class FlowSending {
  readonly #sender: FlowSender;
  readonly #options: SendingOptions;
  #isUnderWay = false;
  #timer: Timer | undefined;
  #closed = false;

  /** Begins with full listings at once. */
  constructor(options: SendingOptions) {
    this.#options = options;
    this.#sender = new FlowSender(options.source);
    this.#pump();
  }

  /** Backlogs dropped, from start. */
  get dropped(): number {
    return this.#sender.dropped;
  }

  changed(service: string, key: string, isLive: boolean): void {
    if (this.#closed) return;
    this.#sender.changed(service, key, isLive);
    this.#goOn();
  }

  /** Nothing is sent any more. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #goOn(): void {
    if (this.#closed || this.#isUnderWay || this.#timer !== undefined || !this.#sender.hasNews) return;
    this.#timer = this.#options.clock.after(
      gatherMs,
      () => {
        this.#timer = undefined;
        this.#pump();
      },
      true,
    );
  }

  #pump(): void {
    const frame = this.#sender.next();
    if (frame === undefined) return;
    this.#isUnderWay = true;
    const isTaken = this.#options.send(frame, () => {
      this.#isUnderWay = false;
      if (this.#closed) return;
      if (this.#sender.isUrgent) this.#pump();
      else this.#goOn();
    });
    if (isTaken) return;
    // Its queue is full with other things; what this frame said is told by the listings of a later try.
    this.#isUnderWay = false;
    this.#sender.refused();
    this.#goOn();
  }
}
