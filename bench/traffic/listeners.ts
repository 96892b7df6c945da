import { ClientRing } from './client-ring.ts';

const stepMs = 100;

/** Connections that say hello once and then only listen. */
export class Listeners {
  readonly #ring: ClientRing;
  #bytes = 0;

  constructor(host: string, port: number, connections: number) {
    this.#ring = new ClientRing({
      to: { host, port },
      connections,
      payloadBytes: 1,
      connected: (slot) => this.#ring.send(slot, 1),
      received: (_, bytes) => (this.#bytes += bytes),
    });
    this.#ring.connectAll();
  }

  /** Blocks until `bytes` more have come. */
  hear(bytes: number): void {
    const goal = this.#bytes + bytes;
    while (this.#bytes < goal) this.#ring.turn(stepMs);
  }

  close(): void {
    this.#ring.close();
  }
}
