import { randomBytes } from 'node:crypto';
import { systemClock, type Clock, type Timer } from '../lib/clock/index.ts';
import { HeadgateError } from '../lib/errors/index.ts';
import { Backoff } from './backoff.ts';
import { badText } from './client-messages.ts';
import { openTransport, type ClientTransport } from './client-transport.ts';
import { PendingSends, type Sendable } from './pending-sends.ts';
import type { Person, ServerMessage } from './protocol.ts';
import { isText, validName } from './validate.ts';

/** What a chat client tells its owner. */
export interface ChatClientHandlers {
  /** Logged in; `again` after a lost connection. */
  welcome?(welcome: Extract<ServerMessage, { type: 'welcome' }>, again: boolean): void;
  /** message, told, joined, left, crowd, push, and errors that belong to no message of ours. */
  received?(message: ServerMessage): void;
  /** The connection is lost; the next attempt is made after `retryMs`. */
  lost?(why: string, retryMs: number): void;
  /** It is over for good: the first connection failed, the name is taken, or somebody took over the session. */
  ended?(error: HeadgateError): void;
}

export interface ChatClientOptions extends ChatClientHandlers {
  /** A name or an IP address. */
  readonly host: string;
  readonly port: number;
  readonly name: string;
  /** Address to connect from; the system chooses without. */
  readonly localAddress?: string;
  /** Keep trying when the very first connection fails; default: ended. */
  readonly persistent?: boolean;
  readonly firstRetryMs?: number;
  readonly longestRetryMs?: number;
  /** A server that says nothing for so long, even when asked, is left; default one minute. */
  readonly silenceMs?: number;
  /** Proof towards the servers of being the same client after a reconnect; default: random. */
  readonly session?: string;
  readonly clock?: Clock;
  /** Numbers from 0 up to 1, for the jitter of retries. */
  readonly random?: () => number;
}

/** Most says and tells without an acknowledgement. */
const mostPending = 1_000;

/** Times a name may be found taken after a reconnect (the servers may still hold our ghost) before it is over. */
const mostNameRetries = 4;

export interface PeopleHere {
  /** At most the first 500. */
  readonly people: readonly Person[];
  readonly total: number;
}

/**
 * Chats: connects, logs in, connects again by itself when the connection is lost, and sends again what was not
 * acknowledged. What it says is delivered once to everybody whose chat server lives; what others say while it is
 * not connected, it misses.
 */
export class ChatClient {
  /** As the servers write it. */
  readonly name: string;
  readonly #options: ChatClientOptions;
  readonly #clock: Clock;
  readonly #session: string;
  readonly #backoff: Backoff;
  readonly #pending = new PendingSends(mostPending);
  #transport: ClientTransport | undefined;
  #retry: Timer | undefined;
  #server = '';
  #isIn = false;
  #wasIn = false;
  #isOver = false;
  #nameRetries = 0;
  #who: {
    people: Person[];
    readonly resolvers: { done(here: PeopleHere): void; fail(error: Error): void }[];
  };

  /** Begins to connect. Throws HEADGATE_CHAT_NAME. */
  constructor(options: ChatClientOptions) {
    const name = validName(options.name);
    if (name === undefined) {
      throw new HeadgateError(
        'HEADGATE_CHAT_NAME',
        `${JSON.stringify(options.name)} is not a name for chatting`,
      );
    }
    const { firstRetryMs = 200, longestRetryMs = 10_000, random = Math.random } = options;
    this.name = name;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#session = options.session ?? randomBytes(16).toString('hex');
    this.#backoff = new Backoff(firstRetryMs, longestRetryMs, random);
    this.#who = { people: [], resolvers: [] };
    this.#connect();
  }

  /** Whether it is logged in at this moment. */
  get connected(): boolean {
    return this.#isIn;
  }

  /** The chat server it is on, or was last; empty before the first. */
  get server(): string {
    return this.#server;
  }

  /** Says and tells that no server has acknowledged. */
  get unacknowledged(): number {
    return this.#pending.size;
  }

  /** Says to everybody; resolves when it is delivered. Rejects with HEADGATE_CHAT_REFUSED, _BACKLOG_FULL, _CLOSED. */
  say(text: string): Promise<void> {
    return this.#send({ type: 'say', text });
  }

  /** Says to one person; rejects with HEADGATE_CHAT_REFUSED also when nobody has that name. */
  tell(to: string, text: string): Promise<void> {
    return this.#send({ type: 'tell', to, text });
  }

  /** Asks who is logged in. Rejects with HEADGATE_CHAT_CLOSED. */
  who(): Promise<PeopleHere> {
    return new Promise((done, fail) => {
      if (this.#isOver) {
        fail(closedError());
        return;
      }
      this.#who.resolvers.push({ done, fail });
      if (this.#isIn && this.#who.resolvers.length === 1) this.#transport?.send({ type: 'who' });
    });
  }

  /** Leaves. Idempotent. */
  close(): void {
    this.#over(closedError());
  }

  async #send(message: Sendable): Promise<void> {
    if (this.#isOver) throw closedError();
    if (!isText(message.text)) throw new HeadgateError('HEADGATE_CHAT_REFUSED', badText.message);
    const { message: numbered, acknowledged } = this.#pending.add(message);
    if (this.#isIn) this.#transport?.send(numbered);
    return acknowledged;
  }

  #connect(): void {
    const { host, port, localAddress, silenceMs = 60_000 } = this.#options;
    this.#retry = undefined;
    this.#transport = openTransport({
      host,
      port,
      ...(localAddress !== undefined && { localAddress }),
      silenceMs,
      clock: this.#clock,
      connected: () => this.#transport?.send({ type: 'login', name: this.name, session: this.#session }),
      received: (message) => this.#received(message),
      ended: (why, error) => this.#lost(why, error),
    });
  }

  #received(message: ServerMessage): void {
    switch (message.type) {
      case 'welcome':
        this.#welcome(message);
        return;
      case 'delivered':
        this.#pending.acknowledge(message.id);
        return;
      case 'who':
        this.#listed(message);
        return;
      case 'pong':
        return;
      case 'error':
        this.#refused(message);
        return;
      case 'bye':
        this.#dismissed(message);
        return;
      default:
        this.#options.received?.(message);
    }
  }

  #welcome(welcome: Extract<ServerMessage, { type: 'welcome' }>): void {
    const again = this.#wasIn;
    this.#isIn = true;
    this.#wasIn = true;
    this.#nameRetries = 0;
    this.#server = welcome.server;
    this.#backoff.reset();
    // First, because ids must arrive in order and the handler may send more.
    for (const message of this.#pending.messages()) this.#transport?.send(message);
    this.#who.people = [];
    if (this.#who.resolvers.length > 0) this.#transport?.send({ type: 'who' });
    this.#options.welcome?.(welcome, again);
  }

  #listed({ people, total, more }: Extract<ServerMessage, { type: 'who' }>): void {
    this.#who.people.push(...people);
    if (more) return;
    const { people: all, resolvers } = this.#who;
    this.#who = { people: [], resolvers: [] };
    for (const resolver of resolvers) resolver.done({ people: all, total });
  }

  #refused(error: Extract<ServerMessage, { type: 'error' }>): void {
    const { code, message, id } = error;
    const refusal = new HeadgateError('HEADGATE_CHAT_REFUSED', message, { facts: { code } });
    if (id !== undefined && this.#pending.refuse(id, refusal)) return;
    if (this.#isIn) this.#options.received?.(error);
    else if (code === 'name-taken') this.#nameTaken(message);
    else this.#over(refusal);
  }

  #dismissed({ code, message }: Extract<ServerMessage, { type: 'bye' }>): void {
    if (code === 'name-taken') this.#nameTaken(message);
    else if (code === 'replaced') {
      this.#over(new HeadgateError('HEADGATE_CHAT_REFUSED', message, { facts: { code }, cure: '' }));
    } else this.#leaveAndRetry(message);
  }

  /** Somebody has the name: for good at the first login, perhaps our own ghost after a reconnect. */
  #nameTaken(message: string): void {
    if (this.#wasIn && this.#nameRetries < mostNameRetries) {
      this.#nameRetries += 1;
      this.#leaveAndRetry(message);
      return;
    }
    this.#over(new HeadgateError('HEADGATE_CHAT_NAME_TAKEN', message));
  }

  #leaveAndRetry(why: string): void {
    this.#transport?.close();
    this.#lost(why);
  }

  #lost(why: string, error?: Error): void {
    if (this.#isOver) return;
    this.#transport = undefined;
    this.#isIn = false;
    if (!this.#wasIn && this.#options.persistent !== true) {
      const { host, port } = this.#options;
      const message =
        error === undefined ? `log in at ${host}:${port}: ${why}` : `connect to ${host}:${port}`;
      this.#over(
        new HeadgateError('HEADGATE_CHAT_CONNECT', message, error === undefined ? {} : { cause: error }),
      );
      return;
    }
    const retryMs = this.#backoff.next();
    this.#retry = this.#clock.after(retryMs, () => this.#connect());
    this.#options.lost?.(why, retryMs);
  }

  #over(error: HeadgateError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#isIn = false;
    this.#retry?.cancel();
    this.#transport?.close();
    this.#pending.refuseAll(error);
    for (const resolver of this.#who.resolvers.splice(0)) resolver.fail(error);
    if (error.code !== 'HEADGATE_CHAT_CLOSED') this.#options.ended?.(error);
  }
}

function closedError(): HeadgateError {
  return new HeadgateError('HEADGATE_CHAT_CLOSED', 'the chat client was closed');
}
