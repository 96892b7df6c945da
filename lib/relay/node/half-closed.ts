import { every, type Clock, type Timer } from '../../clock/index.ts';

/** Somebody whose connection may have died without the event loop hearing of it. */
export interface Probed {
  probe(): void;
}

/** How soon a peer is missed that sent FIN and then vanished or reset the connection. */
const intervalMs = 1_000;

/**
 * After FIN nothing is read from a peer any more, and Node does not notice when it resets the connection later. The
 * members of this set are asked once per second.
 */
export class HalfClosed {
  readonly #clock: Clock;
  readonly #members = new Set<Probed>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(member: Probed): void {
    this.#members.add(member);
    this.#timer ??= every(this.#clock, intervalMs, () => this.#probeAll(), true);
  }

  delete(member: Probed): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #probeAll(): void {
    for (const member of this.#members) member.probe();
  }
}
