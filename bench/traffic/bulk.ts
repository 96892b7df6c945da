import { ClientRing } from './client-ring.ts';

const sendBytes = 262_144;
const stepMs = 100;

/** Sends as much as the other side takes, on every connection; nothing comes back. */
export class Bulk {
  readonly #ring: ClientRing;
  #bytes = 0;

  constructor(host: string, port: number, connections: number) {
    this.#ring = new ClientRing({
      to: { host, port },
      connections,
      payloadBytes: sendBytes,
      received: () => undefined,
      sent: (slot) => {
        this.#bytes += sendBytes;
        this.#ring.send(slot, sendBytes);
      },
    });
    this.#ring.connectAll();
    for (let slot = 0; slot < connections; slot++) this.#ring.send(slot, sendBytes);
  }

  /** Returns the bytes that were sent in `durationMs`. */
  play(durationMs: number): number {
    const before = this.#bytes;
    const end = performance.now() + durationMs;
    while (performance.now() < end) this.#ring.turn(stepMs);
    return this.#bytes - before;
  }

  close(): void {
    this.#ring.close();
  }
}
