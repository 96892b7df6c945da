import type { Socket } from 'node:net';
import type { Clock, Timer } from '../lib/clock/index.ts';
import type { Claim } from './claim.ts';
import { parseClientMessage } from './client-messages.ts';
import type { ChatCounters } from './counters.ts';
import { HeaderStripper } from './header-stripper.ts';
import {
  goodbyeMs,
  keepaliveMs,
  loginTimeoutMs,
  messagesAtOnce,
  messagesPerSecond,
  mostOutgoingBytes,
  whoCost,
} from './limits.ts';
import { encodeLine, LineDecoder, overlong } from './line-codec.ts';
import {
  isFault,
  type ClientMessage,
  type FaultCode,
  type MessageId,
  type ServerMessage,
} from './protocol.ts';
import { TokenBucket } from './token-bucket.ts';

export interface ChatConnectionOptions {
  readonly socket: Socket;
  readonly clock: Clock;
  readonly counters: ChatCounters;
  /** One valid message. */
  readonly received: (message: ClientMessage, connection: ChatConnection) => void;
  /** Runs once, when nothing more comes from this client and nothing more goes to it. */
  readonly ended: (connection: ChatConnection) => void;
}

/**
 * One client's connection: cuts its bytes into messages, keeps what it sends within the rate, and what waits for it
 * within the limit. Who the client is and what its messages do is the hall's affair.
 */
export class ChatConnection {
  /** The name it has or asks for; set by the hall. */
  claim: Claim | undefined;
  /** Whether it is logged in: told `welcome`, hears the room. */
  member = false;

  readonly #options: ChatConnectionOptions;
  readonly #socket: Socket;
  readonly #decoder = new LineDecoder();
  readonly #bucket: TokenBucket;
  readonly #loginTimer: Timer;
  #pause: Timer | undefined;
  #held = false;
  /** Messages whose answer is still to come; a client that has ended its side waits for them. */
  #unanswered = 0;
  #halfClosed = false;
  #over = false;

  constructor(options: ChatConnectionOptions) {
    this.#options = options;
    const { socket, clock, counters } = options;
    this.#socket = socket;
    this.#bucket = new TokenBucket(messagesPerSecond, messagesAtOnce, clock.now());
    this.#loginTimer = clock.after(
      loginTimeoutMs,
      () => {
        counters.loginTimeouts += 1;
        this.bye('login-timeout', `nobody logged in within ${loginTimeoutMs / 1_000} seconds`);
      },
      true,
    );
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepaliveMs);
    const header = new HeaderStripper();
    socket.on('data', (chunk: Buffer) => {
      const bytes = header.push(chunk);
      if (bytes === undefined) return;
      this.#decoder.push(bytes);
      this.#read();
    });
    socket.on('end', () => {
      this.#decoder.push(header.end() ?? Buffer.alloc(0));
      this.#halfClosed = true;
      this.#read();
    });
    // The 'close' that follows says the rest.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#end());
  }

  /** Whether the connection has ended or is about to. */
  get over(): boolean {
    return this.#over;
  }

  /** Logged in: from now on it may stay. */
  admit(): void {
    this.member = true;
    this.#loginTimer.cancel();
  }

  /** While held, nothing is read from the client: what it sends next depends on an answer still to come. */
  hold(held: boolean): void {
    this.#held = held;
    if (held) this.#socket.pause();
    else if (!this.#over) this.#read();
  }

  /** Announces an answer that comes later; call the result when it has been sent. */
  expectAnswer(): () => void {
    this.#unanswered += 1;
    return () => {
      this.#unanswered -= 1;
      this.#finish();
    };
  }

  /** Sends encoded lines. A client that leaves too much unread is closed: its connection is reset. */
  send(bytes: Buffer): void {
    if (this.#over) return;
    if (this.#socket.writableLength > mostOutgoingBytes) {
      this.#options.counters.closedSlow += 1;
      this.#socket.resetAndDestroy();
      this.#end();
      return;
    }
    this.#socket.write(bytes);
  }

  tell(message: ServerMessage): void {
    this.send(encodeLine(message));
  }

  refuse(code: FaultCode, message: string, id?: MessageId): void {
    this.#options.counters.refusedMessages += 1;
    this.tell(id === undefined ? { type: 'error', code, message } : { type: 'error', code, message, id });
  }

  /** Says why and ends the connection: what was sent before still arrives, then FIN. */
  bye(code: FaultCode, message: string): void {
    if (this.#over) return;
    this.tell({ type: 'bye', code, message });
    // Unless the client was too slow even for this line.
    if (!this.over) this.#leave();
  }

  /** Ends the connection at once with a reset. */
  reset(): void {
    this.#socket.resetAndDestroy();
    this.#end();
  }

  #read(): void {
    while (!this.#over && !this.#held && this.#pause === undefined) {
      const line = this.#decoder.next();
      if (line === undefined) {
        this.#socket.resume();
        this.#finish();
        return;
      }
      if (line === overlong) {
        this.#garbage('line-too-long', 'the line is longer than 4096 bytes');
        return;
      }
      if (line.length > 0) this.#message(line);
    }
  }

  #message(line: Buffer): void {
    const { clock, counters, received } = this.#options;
    const message = parseClientMessage(line);
    if (!isFault(message)) received(message, this);
    else if (message.fault === 'not-json') this.#garbage('not-json', message.message);
    else this.refuse(message.fault, message.message);
    const cost = !isFault(message) && message.type === 'who' ? whoCost : 1;
    const pauseMs = this.#bucket.take(cost, clock.now());
    if (pauseMs === 0 || this.#over) return;
    counters.throttled += 1;
    this.#socket.pause();
    this.#pause = clock.after(
      pauseMs,
      () => {
        this.#pause = undefined;
        this.#read();
      },
      true,
    );
  }

  #garbage(code: FaultCode, message: string): void {
    this.#options.counters.closedGarbage += 1;
    this.bye(code, message);
  }

  /** Ends our side once a client that has ended its own got all its answers. */
  #finish(): void {
    if (this.#over || !this.#halfClosed || this.#held || this.#pause !== undefined) return;
    if (this.#unanswered === 0) this.#leave();
  }

  #leave(): void {
    this.#end();
    const socket = this.#socket;
    socket.end();
    // What still comes is dropped, so that the client's FIN is seen and unread bytes cause no reset before it read ours.
    socket.removeAllListeners('data');
    socket.on('data', () => undefined);
    socket.resume();
    const timer = this.#options.clock.after(goodbyeMs, () => void socket.destroy(), true);
    socket.once('close', () => timer.cancel());
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#loginTimer.cancel();
    this.#pause?.cancel();
    this.#options.ended(this);
  }
}
