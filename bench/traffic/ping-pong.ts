import { ClientRing } from './client-ring.ts';

const stepMs = 100;

/**
 * Plays ping-pong over many connections from one ring, blocking this thread: every connection has one message under way. Throws
 * when a connection breaks or nothing moves.
 */
export class PingPong {
  readonly #ring: ClientRing;
  readonly #received: Uint32Array;
  #roundTrips = 0;
  #playing = false;

  constructor(host: string, port: number, connections: number, messageBytes: number) {
    this.#received = new Uint32Array(connections);
    this.#ring = new ClientRing({
      to: { host, port },
      connections,
      payloadBytes: messageBytes,
      received: (slot, bytes) => {
        this.#received[slot]! += bytes;
        if (this.#received[slot]! < messageBytes) return;
        this.#received[slot] = 0;
        this.#roundTrips++;
        if (this.#playing) this.#ring.send(slot, messageBytes);
      },
    });
    this.#ring.connectAll();
    this.#playing = true;
    for (let slot = 0; slot < connections; slot++) this.#ring.send(slot, messageBytes);
  }

  /** Plays for `durationMs`; returns the round trips of that time. */
  play(durationMs: number): number {
    const before = this.#roundTrips;
    const end = performance.now() + durationMs;
    while (performance.now() < end) this.#ring.turn(stepMs);
    return this.#roundTrips - before;
  }

  close(): void {
    this.#playing = false;
    this.#ring.close();
  }
}
