import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Endpoint } from '../../address/index.ts';
import type { Timer } from '../../clock/index.ts';
import type { HeadgateError } from '../../errors/index.ts';
import { abandoned, connectFailure, connectTimeout } from '../failures.ts';
import { HeaderReader } from '../header-reader.ts';
import type { Destination, EndReason, ListenSpec, RelayClient } from '../types.ts';
import type { Closable, RelayCore } from './core.ts';
import { Joint } from './joint.ts';
import { adopt, tune, type RelaySocket, type SocketOwner } from './relay-socket.ts';
import { resetSocket, startReading, stopReading } from './socket-handle.ts';

/** Destinations tried for one client before it is refused. */
const mostTries = 8;

/**
 * The drain event must come for every byte left unsent, whatever the mark: write() asks for it when more is unsent than
 * the high-water mark allows. Bounds are kept by the joint, not by the stream.
 */
export const socketOptions = { allowHalfOpen: true, highWaterMark: 1 } as const;

/** What a listener gives to the openings of its clients. */
export type OpeningSpec = Pick<ListenSpec, 'service' | 'acceptProxy' | 'settings'>;

/** A client on its way to a destination: PROXY headers, route, connect, next destination; then a joint takes over. */
export class Opening implements SocketOwner, Closable {
  readonly #core: RelayCore;
  readonly #spec: OpeningSpec;
  readonly #startedMs: number;
  readonly #clientSocket: RelaySocket;
  #client: RelayClient;
  #headers: HeaderReader | undefined;
  /** Payload that came early; reading is stopped while there is any, so at most one read. */
  #held: Buffer | undefined;
  #clientEnded = false;
  #tried: readonly string[] = [];
  #destination: Destination | undefined;
  #destinationSocket: RelaySocket | undefined;
  #timer: Timer | undefined;
  #over: EndReason | 'joined' | undefined;

  constructor(core: RelayCore, spec: OpeningSpec, socket: Socket, source: Endpoint, destination: Endpoint) {
    this.#core = core;
    this.#spec = spec;
    this.#startedMs = core.clock.now();
    this.#client = { id: core.begin(), service: spec.service, source, destination };
    core.openings.add(this);
    tune(socket, spec.settings);
    this.#clientSocket = adopt(socket, this);
  }

  start(): void {
    if (this.#spec.acceptProxy.length === 0) {
      this.#route();
      return;
    }
    this.#headers = new HeaderReader(this.#spec.acceptProxy);
    this.#setTimer(this.#spec.settings.headerTimeoutMs, () => this.#end('bad-header'));
  }

  received(socket: RelaySocket, chunk: Buffer): void {
    if (this.#over !== undefined || socket !== this.#clientSocket) return;
    if (this.#headers === undefined) {
      this.#hold(chunk);
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
    if (read.proxied !== null) this.#client = { ...this.#client, ...read.proxied };
    if (read.rest.length > 0) this.#hold(read.rest);
    this.#route();
  }

  peerEnded(socket: RelaySocket): void {
    if (this.#over !== undefined || socket !== this.#clientSocket) return;
    // FIN alone is no reason to leave: the client may have said all it has to say and wait for the answer.
    if (this.#headers === undefined) this.#clientEnded = true;
    else this.#end(this.#headers.started ? 'bad-header' : 'client-gone');
  }

  failed(socket: RelaySocket, error: Error): void {
    if (socket === this.#clientSocket) this.#end('client-gone');
    else if (socket === this.#destinationSocket && this.#destination !== undefined) {
      this.#connectFailed(connectFailure(this.#destination, error));
    }
  }

  closed(socket: RelaySocket): void {
    if (socket === this.#clientSocket) this.#end('client-gone');
  }

  drained(): void {
    // Nothing is written before there is a joint.
  }

  close(): void {
    this.#end('closed');
  }

  #hold(chunk: Buffer): void {
    this.#held = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    stopReading(this.#clientSocket);
  }

  #route(): void {
    const answer = this.#core.route(this.#client, this.#tried);
    if (!(answer instanceof Promise)) {
      this.#routed(answer);
      return;
    }
    answer.then(
      (destination) => this.#routed(destination),
      (error: unknown) => {
        this.#core.routerFailed(error);
        this.#routed(null);
      },
    );
  }

  #routed(destination: Destination | null): void {
    if (this.#over !== undefined) {
      // The client did not wait for the answer; the place it holds must still be given back.
      if (destination !== null && this.#over !== 'joined') {
        this.#core.failed(this.#client, destination, abandoned(this.#over));
      }
    } else if (destination === null) {
      this.#end(this.#tried.length === 0 ? 'no-destination' : 'connect-failed');
    } else {
      this.#connect(destination);
    }
  }

  #connect(destination: Destination): void {
    this.#destination = destination;
    this.#setTimer(this.#spec.settings.connectTimeoutMs, () =>
      this.#connectFailed(connectTimeout(destination)),
    );
    const options: SocketConstructorOpts = socketOptions;
    const socket = adopt(new Socket(options), this);
    this.#destinationSocket = socket;
    socket.once('connect', () => this.#connected(destination, socket));
    try {
      const { endpoint, localAddress } = destination;
      socket.connect(localAddress === undefined ? endpoint : { ...endpoint, localAddress });
    } catch (error) {
      // Node throws for a port out of range.
      this.#connectFailed(connectFailure(destination, error));
    }
  }

  #connectFailed(failure: HeadgateError): void {
    const destination = this.#destination;
    if (this.#over !== undefined || destination === undefined) return;
    this.#timer?.cancel();
    this.#destinationSocket?.destroy();
    this.#destinationSocket = undefined;
    this.#destination = undefined;
    this.#tried = [...this.#tried, destination.id];
    const exhausted = failure.facts['exhausted'] === true;
    if (exhausted) this.#core.stats.descriptorsExhausted++;
    else this.#core.stats.connectFailures++;
    this.#core.failed(this.#client, destination, failure);
    if (exhausted || this.#tried.length >= mostTries) this.#end('connect-failed');
    else this.#route();
  }

  #connected(destination: Destination, socket: RelaySocket): void {
    if (this.#over !== undefined || socket !== this.#destinationSocket) return;
    this.#over = 'joined';
    this.#timer?.cancel();
    this.#core.openings.delete(this);
    tune(socket, this.#spec.settings);
    const clientSocket = this.#clientSocket;
    const joint = new Joint(this.#core, {
      client: this.#client,
      destination,
      clientSocket,
      destinationSocket: socket,
      settings: this.#spec.settings,
      startedMs: this.#startedMs,
      retries: this.#tried.length,
    });
    if (destination.preface !== undefined && destination.preface.length > 0)
      socket.write(destination.preface);
    if (this.#held !== undefined) {
      startReading(clientSocket);
      joint.received(clientSocket, this.#held);
      this.#held = undefined;
    }
    if (this.#clientEnded) joint.peerEnded(clientSocket);
    this.#core.connected(this.#client, destination);
  }

  #setTimer(delayMs: number, run: () => void): void {
    this.#timer = this.#core.clock.after(delayMs, run);
  }

  #end(reason: EndReason): void {
    if (this.#over !== undefined) return;
    this.#over = reason;
    this.#timer?.cancel();
    this.#core.openings.delete(this);
    this.#destinationSocket?.destroy();
    resetSocket(this.#clientSocket);
    this.#held = undefined;
    const { stats } = this.#core;
    if (reason === 'bad-header') stats.refusedHeader++;
    if (reason === 'no-destination' || reason === 'connect-failed') stats.refusedNoDestination++;
    if (this.#destination !== undefined)
      this.#core.failed(this.#client, this.#destination, abandoned(reason));
    this.#core.end({
      client: this.#client,
      destination: null,
      bytesUp: 0,
      bytesDown: 0,
      durationMs: this.#core.clock.now() - this.#startedMs,
      retries: this.#tried.length,
      reason,
    });
  }
}
