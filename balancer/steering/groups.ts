/** Numbers for what listeners are known by: small, the same while it is there, and free for others when it is not. */
export class GroupNumbers {
  #numbers = new Map<string, number>();

  /** The numbers of all that are there now. */
  assign(names: readonly string[]): ReadonlyMap<string, number> {
    const kept = new Map([...this.#numbers].filter(([name]) => names.includes(name)));
    const taken = new Set(kept.values());
    let free = 0;
    for (const name of names) {
      if (kept.has(name)) continue;
      while (taken.has(free)) free++;
      taken.add(free);
      kept.set(name, free);
    }
    return (this.#numbers = kept);
  }
}
