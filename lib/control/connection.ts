/** The client's end of a control connection. */
import type { Clock, Timer } from '../clock/index.ts';
import { HeadgateError } from '../errors/index.ts';
import type { Frame, FrameKind } from './frame.ts';
import type { ControlLimits } from './limits.ts';
import type { Socket } from 'node:net';
import { Link } from './link.ts';
import type { CloseReason, ControlConnection, Json } from './types.ts';
import { fromWire, type WireError } from './wire-error.ts';

interface Pending {
  readonly method: string;
  readonly timer: Timer;
  readonly answered: (body: Json) => void;
  readonly refused: (error: WireError) => void;
  readonly failed: (error: HeadgateError) => void;
}

export interface ConnectionOptions {
  readonly stream: Socket;
  /** The node's endpoint or path, for messages. */
  readonly name: string;
  readonly clock: Clock;
  readonly limits: ControlLimits;
}

export class Connection implements ControlConnection {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #limits: ControlLimits;
  readonly #link: Link;
  readonly #pending = new Map<number, Pending>();
  readonly #notifyHandlers: ((method: string, body: Json) => void)[] = [];
  #lastId = 0;
  #lastSentMs: number;

  constructor({ stream, name, clock, limits }: ConnectionOptions) {
    this.#name = name;
    this.#clock = clock;
    this.#limits = limits;
    this.#lastSentMs = clock.now();
    this.#link = new Link({
      stream,
      clock,
      limits,
      onFrame: (frame) => this.#receive(frame),
      onQuiet: () => this.#keepAwake(),
    });
    this.#link.onClose((_reason, detail) => {
      for (const pending of this.#pending.values()) {
        pending.timer.cancel();
        pending.failed(this.#closedError(pending.method, detail));
      }
      this.#pending.clear();
    });
  }

  async request(method: string, body: Json, timeoutMs: number): Promise<Json> {
    return this.#ask('request', method, body, timeoutMs, (error) => {
      const facts = { peerCode: error.code };
      return new HeadgateError('HEADGATE_CONTROL_REFUSED_REQUEST', `${this.#name}: ${error.message}`, {
        facts,
        ...(error.cure !== '' && { cure: error.cure }),
      });
    });
  }

  /** Sends the hello, which must come first. `refusal` makes an error of the server's refusal. */
  async hello(body: Json, timeoutMs: number, refusal: (error: WireError) => HeadgateError): Promise<Json> {
    return this.#ask('hello', '', body, timeoutMs, refusal);
  }

  notify(method: string, body: Json): boolean {
    return this.#send({ kind: 'notify', id: 0, method, body });
  }

  onNotify(handler: (method: string, body: Json) => void): void {
    this.#notifyHandlers.push(handler);
  }

  onClose(run: (reason: CloseReason) => void): void {
    this.#link.onClose(run);
  }

  close(): void {
    this.#link.endGently('closed here');
  }

  /** Why it ended, one short line; empty while open. */
  get closedBecause(): string {
    return this.#link.closedBecause;
  }

  /** Ends it at once; what was queued may be lost. */
  abort(reason: CloseReason, detail: string): void {
    this.#link.end(reason, detail);
  }

  async #ask(
    kind: FrameKind,
    method: string,
    body: Json,
    timeoutMs: number,
    refusal: (error: WireError) => HeadgateError,
  ): Promise<Json> {
    if (this.#link.closed !== undefined) throw this.#closedError(method, this.#link.closedBecause);
    if (this.#pending.size >= this.#limits.requestsPerPeer)
      throw this.#busyError(method, 'too many requests in flight');
    const id = this.#freeId();
    if (!this.#send({ kind, id, method, body }))
      throw this.#busyError(method, 'it does not read what was sent before');
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(timeoutMs, () => {
        this.#pending.delete(id);
        reject(
          new HeadgateError(
            'HEADGATE_CONTROL_TIMEOUT',
            `${this.#name} did not answer ${method || kind} within ${timeoutMs} ms`,
          ),
        );
      });
      const refused = (error: WireError): void => reject(refusal(error));
      this.#pending.set(id, { method, timer, answered: resolve, refused, failed: reject });
    });
  }

  #send(frame: Frame): boolean {
    if (!this.#link.send(frame)) return false;
    this.#lastSentMs = this.#clock.now();
    return true;
  }

  #receive(frame: Frame): string | undefined {
    if (frame.kind === 'notify') {
      for (const handler of this.#notifyHandlers) handler(frame.method, frame.body);
      return undefined;
    }
    if (frame.kind !== 'response' && frame.kind !== 'error')
      return `a server must not send a ${frame.kind} frame`;
    const pending = this.#pending.get(frame.id);
    // The answer of a request that timed out here: nobody waits for it.
    if (pending === undefined) return undefined;
    this.#pending.delete(frame.id);
    pending.timer.cancel();
    if (frame.kind === 'response') pending.answered(frame.body);
    else pending.refused(fromWire(frame.body));
    return undefined;
  }

  /** Both ends close a connection on which nothing comes; the answer to a ping keeps this end awake, too. */
  #keepAwake(): void {
    if (this.#clock.now() - this.#lastSentMs < this.#limits.silenceMs / 3) return;
    // Its failure is the silence that the link itself watches for.
    this.request('ping', null, this.#limits.silenceMs).catch(() => undefined);
  }

  #freeId(): number {
    do this.#lastId = this.#lastId >= 0xffff_ffff ? 1 : this.#lastId + 1;
    while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }

  #closedError(method: string, detail: string): HeadgateError {
    const what = method === '' ? '' : ` before it answered ${method}`;
    return new HeadgateError(
      'HEADGATE_CONTROL_CLOSED',
      `the connection to ${this.#name} ended${what}: ${detail}`,
    );
  }

  #busyError(method: string, why: string): HeadgateError {
    return new HeadgateError(
      'HEADGATE_CONTROL_BUSY',
      `cannot ask ${this.#name} for ${method || 'a hello'}: ${why}`,
    );
  }
}
