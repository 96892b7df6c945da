import { beats, type Claim } from './claim.ts';

/** What people see of one change of the directory: who left, who joined; neither when nothing visible changed. */
export interface DirectoryChange {
  readonly left?: Claim;
  readonly joined?: Claim;
}

const unchanged: DirectoryChange = {};

/**
 * Everybody in the cluster, as this process knows it: per origin its claims, and per name the claim that has it.
 * Losing claims are kept until their origin withdraws them, so that a name goes to the next when its owner leaves.
 */
export class Directory {
  readonly #origins = new Map<string, Map<string, Claim>>();
  readonly #owners = new Map<string, Claim>();

  /** People who are logged in. */
  get size(): number {
    return this.#owners.size;
  }

  owner(name: string): Claim | undefined {
    return this.#owners.get(name);
  }

  /** The owners of all names; a live view. */
  owners(): IterableIterator<Claim> {
    return this.#owners.values();
  }

  /** The claims of one process; a live view. */
  claimsOf(origin: string): ReadonlyMap<string, Claim> {
    return this.#origins.get(origin) ?? new Map<string, Claim>();
  }

  /** Adds a claim; it replaces the one that its origin had on that name. */
  put(claim: Claim): DirectoryChange {
    let claims = this.#origins.get(claim.origin);
    if (claims === undefined) this.#origins.set(claim.origin, (claims = new Map<string, Claim>()));
    claims.set(claim.name, claim);
    return this.#decide(claim.name);
  }

  /** Withdraws what `origin` claimed. */
  drop(name: string, origin: string): DirectoryChange {
    const claims = this.#origins.get(origin);
    if (claims === undefined || !claims.delete(name)) return unchanged;
    if (claims.size === 0) this.#origins.delete(origin);
    return this.#decide(name);
  }

  /** Makes `claims` everything that `origin` claims. */
  replaceOrigin(origin: string, claims: ReadonlyMap<string, Claim>): DirectoryChange[] {
    const changes: DirectoryChange[] = [];
    for (const name of this.claimsOf(origin).keys()) {
      if (!claims.has(name)) changes.push(this.drop(name, origin));
    }
    for (const claim of claims.values()) changes.push(this.put(claim));
    return changes;
  }

  #decide(name: string): DirectoryChange {
    const before = this.#owners.get(name);
    let best: Claim | undefined;
    for (const claims of this.#origins.values()) {
      const claim = claims.get(name);
      if (claim !== undefined && (best === undefined || beats(claim, best))) best = claim;
    }
    if (best === before) return unchanged;
    if (best === undefined) {
      this.#owners.delete(name);
      return before === undefined ? unchanged : { left: before };
    }
    this.#owners.set(name, best);
    return before === undefined ? { joined: best } : { left: before, joined: best };
  }
}
