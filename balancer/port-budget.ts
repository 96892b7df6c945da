/** Short of ports a server counts as full until it is this share below the number it was short at. */
const roomShare = 0.95;
/** Ports may be in use by others, or wait in TIME_WAIT: tried again after this time. */
const retryMs = 1_000;

/** A server to which no source port was left. */
interface Shortage {
  readonly connections: number;
  readonly sinceMs: number;
}

/**
 * The ephemeral ports towards each chat server: a pair of source address and port serves one connection to it at a time. A
 * server for which none is left counts as full.
 */
export class PortBudget {
  /** Connections this node can have to one server; Infinity: not known. */
  #most = Infinity;
  readonly #short = new Map<number, Shortage>();
  readonly #now: () => number;

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** `sources`: addresses connections come from, one at least; `ports`: ephemeral ports of each. */
  set(sources: number, ports: number | undefined): void {
    this.#most = ports === undefined ? Infinity : Math.max(1, sources) * ports;
    this.#short.clear();
  }

  get most(): number {
    return this.#most;
  }

  /** A connect to it found no port, at so many other connections. */
  ranOut(upstream: number, connections: number): void {
    this.#short.set(upstream, { connections, sinceMs: this.#now() });
  }

  /** Whether a server with so many connections can have one more. */
  isFull(upstream: number, connections: number): boolean {
    if (connections >= this.#most) return true;
    const shortage = this.#short.get(upstream);
    if (shortage === undefined) return false;
    const hasRoom =
      connections < roomShare * shortage.connections || this.#now() - shortage.sinceMs >= retryMs;
    if (hasRoom) this.#short.delete(upstream);
    return !hasRoom;
  }
}
