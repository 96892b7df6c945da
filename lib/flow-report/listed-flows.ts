import { flowKeyOf } from './key.ts';
import type { FlowClient, FlowFrame, FlowReport } from './types.ts';

/** What one full listing has named so far, by key. Holds nothing outside of listings. */
export class ListedKeys {
  #listed: Set<string> | undefined;

  /** Takes every frame of one sender and service in order. At the end of a listing: the keys it named. */
  take({
    listing,
    confirmed,
    disowned,
  }: Pick<FlowFrame, 'listing' | 'confirmed' | 'disowned'>): ReadonlySet<string> | undefined {
    if (listing === 'begin') this.#listed = new Set();
    const listed = this.#listed;
    if (listed === undefined) return undefined;
    for (const key of confirmed) listed.add(key);
    for (const key of disowned) listed.delete(key);
    if (listing !== 'end') return undefined;
    this.#listed = undefined;
    return listed;
  }
}

/**
 * What the full listings under way have named, for the receiver that must disown the rest at their end. Holds at most
 * the clients that the balancers name, and nothing outside of listings.
 */
export class ListedFlows {
  /** By balancer and service. */
  readonly #listings = new Map<string, Map<string, ListedKeys>>();

  /**
   * Takes every report in order. At the end of a listing: which clients of this balancer and service it named; whoever
   * else is held for them is gone. Otherwise undefined.
   */
  take({
    balancer,
    service,
    listing,
    confirmed,
    disowned,
  }: FlowReport): ((client: FlowClient) => boolean) | undefined {
    let ofBalancer = this.#listings.get(balancer);
    if (ofBalancer === undefined) this.#listings.set(balancer, (ofBalancer = new Map()));
    let keys = ofBalancer.get(service);
    if (keys === undefined) ofBalancer.set(service, (keys = new ListedKeys()));
    const listed = keys.take({
      listing,
      confirmed: confirmed.map(flowKeyOf),
      disowned: disowned.map(flowKeyOf),
    });
    return listed && ((client) => listed.has(flowKeyOf(client)));
  }

  /** Drops what is under way for a balancer that is gone. */
  forget(balancer: string): void {
    this.#listings.delete(balancer);
  }
}
