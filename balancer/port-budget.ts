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
  #most = Infinity;
  readonly #short = new Map<number, Shortage>();
  readonly #now: () => number;

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** `sources`: addresses connections come from (0: the kernel chooses one); `ports`: ephemeral ports of each. */
  set(sources: number, ports: number | undefined): void {
    this.#most = ports === undefined ? Infinity : Math.max(1, sources) * ports;
    this.#short.clear();
  }

  /** Connections this node can have to one server; Infinity: not known. */
  get most(): number {
    return this.#most;
  }

  get isKnown(): boolean {
    return this.#most !== Infinity;
  }

  /** A connect to it found no port, at so many other connections. */
  ranOut(upstream: number, connections: number): void {
    this.#short.set(upstream, { connections, sinceMs: this.#now() });
  }

  /** Most connections to a server that has so many now, as its own limit and the ports allow; 0: no limit. */
  limit(upstream: number, own: number | undefined, connections: number): number {
    const shortage = this.#shortage(upstream, connections);
    const most = Math.min(own ?? Infinity, this.#most, shortage?.connections ?? Infinity);
    // 0 would mean no limit.
    return most === Infinity ? 0 : Math.max(1, most);
  }

  /** Whether the ports, and not its own limit, keep a server with so many connections from having one more. */
  isShort(upstream: number, connections: number): boolean {
    return (
      connections >= Math.min(this.#most, this.#shortage(upstream, connections)?.connections ?? Infinity)
    );
  }

  #shortage(upstream: number, connections: number): Shortage | undefined {
    const shortage = this.#short.get(upstream);
    if (shortage === undefined) return undefined;
    const hasRoom =
      connections < roomShare * shortage.connections || this.#now() - shortage.sinceMs >= retryMs;
    if (!hasRoom) return shortage;
    this.#short.delete(upstream);
    return undefined;
  }
}
