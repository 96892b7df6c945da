import { ClientRing } from './client-ring.ts';

/** How finely messages are spread; below the latencies of a relay that has work to do. */
const stepMs = 0.2;
const spareMs = 30_000;

/**
 * Sends messages at a steady rate, to one connection after the other, and takes how long each answer took since the moment it
 * was due (so a stall is not hidden by what was not sent meanwhile). A connection with its answer outstanding waits its turn.
 */
export class Paced {
  readonly #ring: ClientRing;
  readonly #dueMs: Float64Array;
  readonly #received: Uint32Array;
  readonly #waiting: number[][];
  readonly #messageBytes: number;
  readonly #connections: number;
  #latencies: number[] = [];
  #outstanding = 0;

  constructor(host: string, port: number, connections: number, messageBytes: number) {
    this.#connections = connections;
    this.#messageBytes = messageBytes;
    this.#dueMs = new Float64Array(connections).fill(NaN);
    this.#received = new Uint32Array(connections);
    this.#waiting = Array.from({ length: connections }, () => []);
    this.#ring = new ClientRing({
      to: { host, port },
      connections,
      payloadBytes: messageBytes,
      received: (slot, bytes) => this.#take(slot, bytes),
    });
    this.#ring.connectAll();
  }

  /** Latencies in ms, sorted, of the messages due in `durationMs`. */
  play(durationMs: number, perSecond: number): number[] {
    this.#latencies = [];
    const begin = performance.now();
    const total = Math.floor((durationMs / 1_000) * perSecond);
    let begun = 0;
    while (begun < total || this.#outstanding > 0) {
      const now = performance.now();
      if (now - begin > durationMs + spareMs) throw new Error(`${this.#outstanding} answers did not come`);
      const due = Math.min(total, Math.floor(((now - begin) / 1_000) * perSecond));
      for (; begun < due; begun++)
        this.#begin(begun % this.#connections, begin + (begun / perSecond) * 1_000);
      this.#ring.turn(stepMs);
    }
    return this.#latencies.sort((one, other) => one - other);
  }

  close(): void {
    this.#ring.close();
  }

  #begin(slot: number, dueMs: number): void {
    this.#outstanding++;
    if (Number.isNaN(this.#dueMs[slot])) this.#send(slot, dueMs);
    else this.#waiting[slot]!.push(dueMs);
  }

  #send(slot: number, dueMs: number): void {
    this.#dueMs[slot] = dueMs;
    this.#ring.send(slot, this.#messageBytes);
  }

  #take(slot: number, bytes: number): void {
    this.#received[slot]! += bytes;
    if (this.#received[slot]! < this.#messageBytes) return;
    this.#received[slot] = 0;
    this.#outstanding--;
    this.#latencies.push(performance.now() - this.#dueMs[slot]!);
    this.#dueMs[slot] = NaN;
    const next = this.#waiting[slot]!.shift();
    if (next !== undefined) this.#send(slot, next);
  }
}
