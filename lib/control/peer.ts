/** One authenticated client, as the server sees it. */
import type { Logger } from 'pino';
import { describeError, HeadgateError, isHeadgateError } from '../errors/index.ts';
import type { Frame, FrameKind } from './frame.ts';
import type { ControlLimits } from './limits.ts';
import type { Link } from './link.ts';
import type { LogLimiter } from './log-limiter.ts';
import type { ControlPeer, ControlServerStats, Json, PeerIdentity, RequestHandler } from './types.ts';
import { toWire } from './wire-error.ts';

export interface PeerContext {
  readonly handlers: ReadonlyMap<string, RequestHandler>;
  readonly limits: ControlLimits;
  readonly stats: ControlServerStats;
  readonly log: Logger;
  readonly lines: LogLimiter;
}

export class Peer implements ControlPeer {
  readonly identity: PeerIdentity;
  readonly remote: string;
  readonly id: number;
  readonly local: boolean;
  readonly #link: Link;
  readonly #context: PeerContext;
  #inFlight = 0;

  constructor(
    facts: Pick<ControlPeer, 'identity' | 'remote' | 'id' | 'local'>,
    link: Link,
    context: PeerContext,
  ) {
    this.identity = facts.identity;
    this.remote = facts.remote;
    this.id = facts.id;
    this.local = facts.local;
    this.#link = link;
    this.#context = context;
  }

  notify(method: string, body: Json, flushed?: () => void): boolean {
    const queued = this.#link.send({ kind: 'notify', id: 0, method, body }, flushed);
    if (!queued) this.#context.stats.droppedMessages += 1;
    return queued;
  }

  onClose(run: () => void): void {
    this.#link.onClose(run);
  }

  /** Takes a frame of the client; returns the rule it breaks, if any. */
  receive(frame: Frame): string | undefined {
    if (frame.kind === 'request') void this.#answer(frame);
    else if (frame.kind === 'notify') void this.#take(frame);
    else return `a client must not send a ${frame.kind} frame here`;
    return undefined;
  }

  close(detail: string): void {
    this.#link.endGently(detail);
  }

  async #answer({ id, method, body }: Frame): Promise<void> {
    if (this.#inFlight >= this.#context.limits.requestsPerPeer) {
      const why = `more than ${this.#context.limits.requestsPerPeer} requests in flight`;
      this.#reply('error', id, toWire(new HeadgateError('HEADGATE_CONTROL_BUSY', why)));
      return;
    }
    this.#inFlight += 1;
    try {
      this.#reply('response', id, await this.#handler(method)(body, this));
    } catch (error) {
      this.#logFailure(method, error);
      this.#reply('error', id, toWire(error));
    } finally {
      this.#inFlight -= 1;
    }
  }

  async #take({ method, body }: Frame): Promise<void> {
    const handler = this.#context.handlers.get(method);
    // Unknown ones are passed over, so that a newer client may tell more than this version understands.
    if (handler === undefined) return;
    if (this.#inFlight >= this.#context.limits.requestsPerPeer) {
      this.#context.stats.droppedMessages += 1;
      return;
    }
    this.#inFlight += 1;
    try {
      await handler(body, this);
    } catch (error) {
      this.#logFailure(method, error);
    } finally {
      this.#inFlight -= 1;
    }
  }

  #handler(method: string): RequestHandler {
    const handler = this.#context.handlers.get(method);
    if (handler !== undefined) return handler;
    throw new HeadgateError('HEADGATE_CONTROL_UNKNOWN_METHOD', `this node knows no request "${method}"`);
  }

  /** Throws HEADGATE_CONTROL_TOO_LARGE. A client that does not read its answers is closed. */
  #reply(kind: FrameKind, id: number, body: Json): void {
    if (this.#link.closed !== undefined || this.#link.send({ kind, id, method: '', body })) return;
    this.#context.stats.droppedMessages += 1;
    this.#link.end('local', 'it does not read its answers');
  }

  #logFailure(method: string, error: unknown): void {
    const heldBack = this.#context.lines.admit(`${this.remote} ${method}`);
    if (heldBack === undefined) return;
    const facts = {
      peer: this.identity.node,
      remote: this.remote,
      method,
      ...(heldBack > 0 && { heldBack }),
    };
    const line = `control: request ${method} failed: ${describeError(error)}`;
    if (isHeadgateError(error)) this.#context.log.warn(facts, line);
    else this.#context.log.error({ ...facts, err: error }, line);
  }
}
