import type { Endpoint } from '../address/index.ts';
import type { Timer } from '../clock/index.ts';
import type { HeadgateError } from '../errors/index.ts';
import type { Admission } from './admission.ts';
import type { Closable, RelayBooks } from './books.ts';
import { abandoned, connectFailure, connectTimeout } from './failures.ts';
import { HeaderReader } from './header-reader.ts';
import type { Destination, EndReason, RelayClient } from './types.ts';

/** Destinations tried for one client before it is refused. */
const mostTries = 8;

/** What an opening knows when its destination is connected. */
export interface Joining {
  readonly client: RelayClient;
  readonly destination: Destination;
  readonly startedMs: number;
  readonly retries: number;
}

/**
 * A client on its way to a destination: PROXY headers, route, connect, next destination. Engines add the sockets: they
 * call received(), clientEnded() and the like, and do what the abstract methods say.
 */
export abstract class Opening implements Closable {
  protected readonly books: RelayBooks;
  protected readonly spec: Admission;
  readonly #startedMs: number;
  #client: RelayClient;
  #headers: HeaderReader | undefined;
  #tried: readonly string[] = [];
  #destination: Destination | undefined;
  #timer: Timer | undefined;
  #over: EndReason | 'joined' | undefined;

  constructor(books: RelayBooks, spec: Admission, peer: Endpoint, destination: Endpoint) {
    this.books = books;
    this.spec = spec;
    this.#startedMs = books.clock.now();
    const { service, vip, forwarded } = spec;
    const { endpoints } = books;
    const end = forwarded ? endpoints.withSharedHost(peer) : peer;
    this.#client = {
      id: books.begin(),
      service,
      vip,
      source: end,
      peer: end,
      forwarded,
      destination: endpoints.shared(destination),
    };
    books.openings.add(this);
  }

  /** Begins a connect and tells of it by connected() or connectFailed(). May throw, which is a failure too. */
  protected abstract connect(destination: Destination): void;
  /** Gives up the connect under way, or what it came to. */
  protected abstract dropDestination(): void;
  /** Ends the client with RST and drops what it sent. */
  protected abstract resetClient(): void;
  /** Keeps payload until there is a destination. */
  protected abstract hold(payload: Buffer): void;
  /** Carries bytes from now on. */
  protected abstract join(joining: Joining): void;

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** How many destinations failed before. */
  protected get tries(): number {
    return this.#tried.length;
  }

  start(): void {
    if (this.spec.acceptProxy.length === 0) {
      this.#route();
      return;
    }
    this.#headers = new HeaderReader(this.spec.acceptProxy);
    this.#setTimer(this.spec.settings.headerTimeoutMs, () => this.#end('bad-header'));
  }

  /** Bytes of the client. */
  received(chunk: Buffer): void {
    if (this.isOver) return;
    if (this.#headers === undefined) {
      this.hold(chunk);
      return;
    }
    const read = this.#headers.push(chunk);
    if (read.kind === 'more') return;
    if (read.kind === 'invalid') {
      this.#end('bad-header');
      return;
    }
    this.#timer?.cancel();
    this.#headers = undefined;
    if (read.proxied !== null) {
      const { source, destination } = read.proxied;
      const { endpoints } = this.books;
      this.#client = { ...this.#client, source, destination: endpoints.shared(destination) };
    }
    if (read.rest.length > 0) this.hold(read.rest);
    this.#route();
  }

  /**
   * FIN of the client, no reason to leave by itself: it may have said all it has to say and wait for the answer. Returns
   * whether the opening goes on.
   */
  clientEnded(): boolean {
    if (this.isOver) return false;
    if (this.#headers !== undefined) this.#end(this.#headers.started ? 'bad-header' : 'client-gone');
    return !this.isOver;
  }

  clientFailed(): void {
    this.#end('client-gone');
  }

  connectFailed(error: unknown): void {
    if (this.#destination !== undefined) this.#destinationFailed(connectFailure(this.#destination, error));
  }

  connected(): void {
    const destination = this.#destination;
    if (this.isOver || destination === undefined) return;
    this.#over = 'joined';
    this.#timer?.cancel();
    this.books.openings.delete(this);
    this.join({
      client: this.#client,
      destination,
      startedMs: this.#startedMs,
      retries: this.#tried.length,
    });
    this.books.connected(this.#client, destination);
  }

  close(): void {
    this.#end('closed');
  }

  #route(): void {
    const answer = this.books.route(this.#client, this.#tried);
    if (!(answer instanceof Promise)) {
      this.#routed(answer);
      return;
    }
    answer.then(
      (destination) => this.#routed(destination),
      (error: unknown) => {
        this.books.routerFailed(error);
        this.#routed(null);
      },
    );
  }

  #routed(destination: Destination | null): void {
    if (this.#over !== undefined) {
      // The client did not wait for the answer; the place it holds must still be given back.
      if (destination !== null && this.#over !== 'joined') {
        this.books.failed(this.#client, destination, abandoned(this.#over));
      }
    } else if (destination === null) {
      this.#end(this.#tried.length === 0 ? 'no-destination' : 'connect-failed');
    } else {
      this.#connect(destination);
    }
  }

  #connect(destination: Destination): void {
    this.#destination = destination;
    this.#setTimer(this.spec.settings.connectTimeoutMs, () =>
      this.#destinationFailed(connectTimeout(destination)),
    );
    try {
      this.connect(destination);
    } catch (error) {
      // A port out of range, an address of this machine that is none.
      this.#destinationFailed(connectFailure(destination, error));
    }
  }

  #destinationFailed(failure: HeadgateError): void {
    const destination = this.#destination;
    if (this.isOver || destination === undefined) return;
    this.#timer?.cancel();
    this.dropDestination();
    this.#destination = undefined;
    this.#tried = [...this.#tried, destination.id];
    const exhausted = failure.facts['exhausted'] === true;
    if (exhausted) this.books.stats.descriptorsExhausted++;
    else this.books.stats.connectFailures++;
    this.books.failed(this.#client, destination, failure);
    if (exhausted || this.#tried.length >= mostTries) this.#end('connect-failed');
    else this.#route();
  }

  #setTimer(delayMs: number, run: () => void): void {
    this.#timer = this.books.clock.after(delayMs, run);
  }

  #end(reason: EndReason): void {
    if (this.isOver) return;
    this.#over = reason;
    this.#timer?.cancel();
    this.books.openings.delete(this);
    this.dropDestination();
    this.resetClient();
    const { stats } = this.books;
    if (reason === 'bad-header') stats.refusedHeader++;
    if (reason === 'no-destination' || reason === 'connect-failed') stats.refusedNoDestination++;
    if (this.#destination !== undefined)
      this.books.failed(this.#client, this.#destination, abandoned(reason));
    this.books.end({
      client: this.#client,
      destination: null,
      bytesUp: 0,
      bytesDown: 0,
      durationMs: this.books.clock.now() - this.#startedMs,
      retries: this.#tried.length,
      reason,
    });
  }
}
