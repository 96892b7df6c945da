import { flowKeyOf } from './key.ts';
import type { FlowClient, FlowReport } from './types.ts';

/**
 * What the full listings under way have named, for the receiver that must disown the rest at their end. Holds at most
 * the clients that the balancers name, and nothing outside of listings.
 */
export class ListedFlows {
  /** By balancer and service. */
  readonly #listings = new Map<string, Set<string>>();

  /**
   * Takes every report in order. At the end of a listing: which clients of this balancer and service it named, until
   * the next call; whoever else is held for them is gone. Otherwise undefined.
   */
  take(
    report: Pick<FlowReport, 'balancer' | 'service' | 'confirmed' | 'disowned' | 'listing'>,
  ): ((client: FlowClient) => boolean) | undefined {
    const { balancer, service, confirmed, disowned, listing } = report;
    const name = JSON.stringify([balancer, service]);
    if (listing === 'begin') this.#listings.set(name, new Set());
    const listed = this.#listings.get(name);
    if (listed === undefined) return undefined;
    for (const client of confirmed) listed.add(flowKeyOf(client));
    for (const client of disowned) listed.delete(flowKeyOf(client));
    if (listing !== 'end') return undefined;
    this.#listings.delete(name);
    return (client) => listed.has(flowKeyOf(client));
  }

  /** Drops what is under way for a balancer that is gone. */
  forget(balancer: string): void {
    for (const name of this.#listings.keys()) {
      if ((JSON.parse(name) as [string, string])[0] === balancer) this.#listings.delete(name);
    }
  }
}
