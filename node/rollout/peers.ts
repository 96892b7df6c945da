/** Asking other nodes which roll-out they hold. */
import { sameEndpoint, type Endpoint } from '../../lib/address/index.ts';
import { connectControl, type ControlKeys } from '../../lib/control/index.ts';
import type { Topology } from '../../topology/index.ts';
import { controlEndpoints } from '../control-endpoints.ts';
import { exchangeMethod, offerMethod, readExchange, type Offer } from './messages.ts';
import { compareStamps, stampBody } from './stamp.ts';

/** Longest wait for one answer of a peer. */
const askMs = 1_500;

export interface PeerAccess {
  readonly key: ControlKeys;
  readonly cluster: string;
  readonly node: string;
}

/** Control endpoints of the nodes of several topologies that speak headgate, each once, without `self`. */
export function peerEndpoints(topologies: readonly Topology[], self: Endpoint): readonly Endpoint[] {
  const found: Endpoint[] = [];
  for (const { control, speaksControl } of topologies.flatMap(controlEndpoints))
    if (speaksControl && !sameEndpoint(control, self) && !found.some((other) => sameEndpoint(other, control)))
      found.push(control);
  return found;
}

/**
 * Compares with the node at an endpoint, whichever it is, as a stamp is the cluster's and not a node's: gives it ours when that is newer, and resolves with its own when that is newer. Rejects as
 * connectControl and request do.
 */
export async function exchange(
  endpoint: Endpoint,
  access: PeerAccess,
  own: () => Offer,
): Promise<Offer | undefined> {
  const connection = await connectControl({ endpoint, ...access, timeoutMs: askMs });
  try {
    const answer = await connection.request(exchangeMethod, { stamp: stampBody(own().stamp) }, askMs);
    const { stamp, text } = readExchange(answer);
    const mine = own();
    const order = compareStamps(stamp, mine.stamp);
    if (order > 0 && text !== null) return { stamp, text };
    if (order < 0 && mine.stamp.generation > 0)
      await connection.request(offerMethod, { stamp: stampBody(mine.stamp), text: mine.text }, askMs);
    return undefined;
  } finally {
    connection.close();
  }
}
