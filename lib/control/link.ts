/** Frames over one stream (TLS or unix socket), for either end: bounded writing, silence, one reason for the end. */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../clock/index.ts';
import { errnoCode } from '../errors/index.ts';
import { encodeFrame, type Frame } from './frame.ts';
import { FrameDecoder } from './frame-decoder.ts';
import type { ControlLimits } from './limits.ts';
import type { CloseReason } from './types.ts';

export interface LinkOptions {
  readonly stream: Socket;
  readonly clock: Clock;
  readonly limits: ControlLimits;
  /** Called for each frame; what it returns is a broken rule, for which the link is closed, or undefined. */
  readonly onFrame: (frame: Frame) => string | undefined;
  /** Called three times per `silenceMs` while open. */
  readonly onQuiet?: () => void;
}

/** Reads at once. After `closed` is set nothing is delivered any more. */
export class Link {
  readonly #stream: Socket;
  readonly #clock: Clock;
  readonly #limits: ControlLimits;
  readonly #onFrame: LinkOptions['onFrame'];
  readonly #decoder: FrameDecoder;
  readonly #closeRuns: ((reason: CloseReason, detail: string) => void)[] = [];
  #closed: { readonly reason: CloseReason; readonly detail: string } | undefined;
  #silenceTimer: Timer;
  #heardMs: number;

  constructor(options: LinkOptions) {
    this.#stream = options.stream;
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#onFrame = options.onFrame;
    this.#decoder = new FrameDecoder(options.limits.frameBytes);
    this.#heardMs = options.clock.now();
    const stream = this.#stream;
    stream.on('error', (error) => this.#fail(error));
    stream.on('end', () => this.end('ended', 'the other end closed the connection'));
    stream.on('close', () => this.end('ended', 'the other end closed the connection'));
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    const watch = (): void => {
      if (this.#clock.now() - this.#heardMs >= this.#limits.silenceMs) {
        this.end('timeout', `nothing came for ${this.#limits.silenceMs} ms`);
        return;
      }
      options.onQuiet?.();
      this.#silenceTimer = this.#clock.after(this.#limits.silenceMs / 3, watch, true);
    };
    this.#silenceTimer = this.#clock.after(this.#limits.silenceMs / 3, watch, true);
    if (stream.destroyed) this.end('ended', 'the other end closed the connection');
  }

  get closed(): CloseReason | undefined {
    return this.#closed?.reason;
  }

  /** Why it ended, one short line; empty while open. */
  get closedBecause(): string {
    return this.#closed?.detail ?? '';
  }

  /**
   * Queues a frame. False when the queue is full or the link is closed. `flushed` runs when the bytes have been
   * handed to the kernel, and never when they could not be. Throws HEADGATE_CONTROL_TOO_LARGE.
   */
  send(frame: Frame, flushed?: () => void): boolean {
    const bytes = encodeFrame(frame, this.#limits.frameBytes);
    if (this.#closed !== undefined || this.#stream.writableLength > this.#limits.queueBytes) return false;
    this.#stream.write(bytes, (error) => {
      if (!error) flushed?.();
    });
    return true;
  }

  /** Runs once when the link has ended; at once when it already has. */
  onClose(run: (reason: CloseReason, detail: string) => void): void {
    if (this.#closed === undefined) this.#closeRuns.push(run);
    else run(this.#closed.reason, this.#closed.detail);
  }

  /** Ends the link now; what was queued may be lost. Idempotent: the first reason stays. */
  end(reason: CloseReason, detail: string): void {
    this.#finish(reason, detail);
    this.#stream.destroy();
  }

  /** Ends the link after what was queued has been delivered, but takes at most `closeGraceMs` for it. */
  endGently(detail: string): void {
    if (this.#closed !== undefined) return;
    this.#finish('local', detail);
    const timer = this.#clock.after(this.#limits.closeGraceMs, () => this.#stream.destroy());
    this.#stream.once('close', () => timer.cancel());
    this.#stream.destroySoon();
  }

  #finish(reason: CloseReason, detail: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = { reason, detail };
    this.#silenceTimer.cancel();
    for (const run of this.#closeRuns.splice(0)) run(reason, detail);
  }

  #fail(error: Error): void {
    const code = errnoCode(error) ?? '';
    if (code.startsWith('ERR_SSL')) this.end('protocol', `TLS failed (${code})`);
    else this.end('reset', `the connection was reset (${code})`);
  }

  #receive(chunk: Buffer): void {
    if (this.#closed !== undefined) return;
    this.#heardMs = this.#clock.now();
    this.#decoder.push(chunk);
    for (;;) {
      const decoded = this.#decoder.next();
      if (decoded.status === 'more') return;
      const broken = decoded.status === 'broken' ? decoded.reason : this.#onFrame(decoded.frame);
      if (broken !== undefined) this.end('protocol', broken);
      // Widened: the handler may have ended the link.
      if ((this.#closed as object | undefined) !== undefined) return;
    }
  }
}
