import type { Socket } from 'node:net';
import type { Clock, Timer } from '../clock/index.ts';

/**
 * Connections that have not said hello yet: at most `most`, each for at most `longestMs`. A full room closes the
 * connection that waits longest, so whoever holds the key gets in even while strangers keep it full.
 */
export class WaitingRoom {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #longestMs: number;
  /** Told of a socket just before it is closed. */
  readonly #turnedOut: (socket: Socket, why: 'timeout' | 'room') => void;
  /** In the order of arrival. */
  readonly #waiting = new Map<Socket, Timer>();

  constructor(
    clock: Clock,
    most: number,
    longestMs: number,
    turnedOut: (socket: Socket, why: 'timeout' | 'room') => void,
  ) {
    this.#clock = clock;
    this.#most = most;
    this.#longestMs = longestMs;
    this.#turnedOut = turnedOut;
  }

  enter(socket: Socket): void {
    for (const oldest of this.#waiting.keys()) {
      if (this.#waiting.size < this.#most) break;
      this.#turnOut(oldest, 'room');
    }
    this.#waiting.set(
      socket,
      this.#clock.after(this.#longestMs, () => this.#turnOut(socket, 'timeout')),
    );
  }

  /** The socket said hello, or ended. Idempotent. */
  leave(socket: Socket): void {
    this.#waiting.get(socket)?.cancel();
    this.#waiting.delete(socket);
  }

  #turnOut(socket: Socket, why: 'timeout' | 'room'): void {
    this.leave(socket);
    this.#turnedOut(socket, why);
    socket.destroy();
  }
}
