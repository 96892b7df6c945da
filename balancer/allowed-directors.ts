/**
 * How long a director that was removed from the topology may still connect: the new file reaches every host within
 * this time, and until then it sends clients here. Longer, and an address taken away would stay trusted.
 */
const parting = 60_000;

/** The hosts that may connect: the topology's directors, and those removed a moment ago. */
export class AllowedDirectors {
  /** Host → when it was last in the topology; Infinity while it is. */
  readonly #hosts = new Map<string, number>();

  /** Takes over the directors' hosts of a topology. */
  apply(hosts: readonly string[], nowMs: number): void {
    for (const [host, sinceMs] of this.#hosts) if (sinceMs === Infinity) this.#hosts.set(host, nowMs);
    for (const host of hosts) this.#hosts.set(host, Infinity);
  }

  /** Forgets those whose time is over; whether there were any. */
  expire(nowMs: number): boolean {
    let expired = false;
    for (const [host, sinceMs] of this.#hosts) {
      if (nowMs - sinceMs > parting) expired = this.#hosts.delete(host) || expired;
    }
    return expired;
  }

  hosts(): readonly string[] {
    return [...this.#hosts.keys()];
  }
}
