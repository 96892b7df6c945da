import type { Destination, EndReason, RelayClient, RelaySettings } from '../types.ts';
import { endReasonOf } from '../failures.ts';
import type { Joined, RelayCore } from './core.ts';
import type { Probed } from './half-closed.ts';
import { handOver, whenDrained, type RelaySocket, type SocketOwner } from './relay-socket.ts';
import { resetSocket, startReading, stopReading } from './socket-handle.ts';

/** The most one read brings: libuv asks for 64 KiB (uv__read). */
export const readBytes = 65_536;

const nothing = Buffer.alloc(0);

/** What an opening hands over when the destination is connected. */
export interface JointParts {
  readonly client: RelayClient;
  readonly destination: Destination;
  readonly clientSocket: RelaySocket;
  readonly destinationSocket: RelaySocket;
  readonly settings: RelaySettings;
  readonly startedMs: number;
  readonly retries: number;
}

/** A client and its destination, connected: carries bytes, FIN and RST both ways. */
export class Joint implements SocketOwner, Joined, Probed {
  readonly #core: RelayCore;
  readonly #parts: JointParts;
  /** A source is stopped when what it brought is unsent beyond this; then one more read still fits the buffer. */
  readonly #mostUnsentBytes: number;
  #bytesUp = 0;
  #bytesDown = 0;
  #endsHeard = 0;
  #socketsOpen = 2;
  #over = false;

  constructor(core: RelayCore, parts: JointParts) {
    this.#core = core;
    this.#parts = parts;
    this.#mostUnsentBytes = Math.max(0, parts.settings.bufferBytes - readBytes);
    core.register(parts.destination.id, this);
    handOver(parts.clientSocket, this);
    handOver(parts.destinationSocket, this);
  }

  received(socket: RelaySocket, chunk: Buffer): void {
    if (this.#over) return;
    const { stats } = this.#core;
    if (socket === this.#parts.clientSocket) {
      this.#bytesUp += chunk.length;
      stats.bytesUp += chunk.length;
    } else {
      this.#bytesDown += chunk.length;
      stats.bytesDown += chunk.length;
    }
    const to = this.#otherThan(socket);
    to.write(chunk);
    if (to.writableLength <= this.#mostUnsentBytes) return;
    stopReading(socket);
    whenDrained(to);
  }

  drained(socket: RelaySocket): void {
    if (!this.#over) startReading(this.#otherThan(socket));
  }

  peerEnded(socket: RelaySocket): void {
    if (this.#over) return;
    this.#endsHeard++;
    // end() sends FIN after everything written before it.
    this.#otherThan(socket).end();
    if (this.#endsHeard === 1) this.#core.halfClosed.add(this);
    else this.#core.halfClosed.delete(this);
  }

  failed(socket: RelaySocket, error: Error): void {
    this.#end(endReasonOf(socket === this.#parts.clientSocket ? 'client' : 'destination', error));
  }

  closed(): void {
    // Without a failure a socket closes by itself, when FIN was received and FIN was sent.
    if (--this.#socketsOpen === 0) this.#end('finished');
  }

  /** A write of nothing sends nothing, but fails when the connection is dead (tcp_sendmsg looks at the error first). */
  probe(): void {
    for (const socket of [this.#parts.clientSocket, this.#parts.destinationSocket]) {
      const canTell = socket.readableEnded && !socket.writableEnded && socket.writableLength === 0;
      if (canTell && !socket.destroyed) socket.write(nothing);
    }
  }

  reset(): void {
    this.#end('dead');
  }

  close(): void {
    this.#end('closed');
  }

  #otherThan(socket: RelaySocket): RelaySocket {
    const { clientSocket, destinationSocket } = this.#parts;
    return socket === clientSocket ? destinationSocket : clientSocket;
  }

  #end(reason: EndReason): void {
    if (this.#over) return;
    this.#over = true;
    const { client, destination, clientSocket, destinationSocket, startedMs, retries } = this.#parts;
    resetSocket(clientSocket);
    resetSocket(destinationSocket);
    this.#core.halfClosed.delete(this);
    this.#core.unregister(destination.id, this);
    this.#core.end({
      client,
      destination,
      bytesUp: this.#bytesUp,
      bytesDown: this.#bytesDown,
      durationMs: this.#core.clock.now() - startedMs,
      retries,
      reason,
    });
  }
}
