import { addressFamily } from '../lib/address/index.ts';

/** The addresses of this machine that connections to chat servers come from: for each server the one it has fewest from. */
export class SourceAddresses {
  #addresses: readonly string[] = [];
  /** Connections of this worker by chat server and source. */
  readonly #taken = new Map<string, number>();
  /** Where the next turn begins, so that equals take turns. */
  #turn = 0;

  /** From now on; connections of others go on to be counted until they end. */
  set(addresses: readonly string[]): void {
    this.#addresses = addresses;
  }

  /** A source for a connection to the server `key` at `host`; undefined: the kernel is to choose. */
  take(key: string, host: string): string | undefined {
    const family = addressFamily(host);
    const fitting = this.#addresses.filter((address) => addressFamily(address) === family);
    let best: string | undefined;
    let fewest = Infinity;
    for (let index = 0; index < fitting.length; index++) {
      const address = fitting[(this.#turn + index) % fitting.length]!;
      const count = this.#taken.get(pair(key, address)) ?? 0;
      if (count >= fewest) continue;
      best = address;
      fewest = count;
    }
    this.#turn++;
    if (best !== undefined) this.#taken.set(pair(key, best), fewest + 1);
    return best;
  }

  /** The connection is over, or did not come about. */
  give(key: string, address: string | undefined): void {
    if (address === undefined) return;
    const name = pair(key, address);
    const count = (this.#taken.get(name) ?? 0) - 1;
    if (count > 0) this.#taken.set(name, count);
    else this.#taken.delete(name);
  }
}

function pair(key: string, address: string): string {
  return `${key} ${address}`;
}
