/** In which ways a service of this node is to take connections: what its file says, and what directors still do. Pure. */
import type { Way } from '../lib/heartbeat/index.ts';
import type { Forwarding, Service } from '../topology/index.ts';
import type { ToldWays } from './forwarded-ways.ts';

/** The ways of each service. */
export type WaysOf = (service: Pick<Service, 'forwarding' | 'listen'>) => ReadonlySet<Way>;

/** `proxy` besides, for directors that cannot do better. */
const ofFile: Readonly<Record<Forwarding, readonly Way[]>> = {
  proxy: ['proxy'],
  auto: ['proxy', 'dr'],
  dr: ['proxy', 'dr'],
  tun: ['proxy', 'dr', 'tun'],
  nat: ['proxy', 'nat'],
  fullnat: ['fullnat'],
};

/** What the file says alone. */
export const waysOfFile: WaysOf = ({ forwarding }) => new Set(ofFile[forwarding]);

/**
 * A changed file does not end what a director goes on with: its change may have to wait for connections to end, or it does
 * not know the file yet. A director's own socket sends a PROXY header with `proxy` and none with `fullnat`, so of these
 * there is one at a time: the file's, when no director says that it needs the other.
 */
export function waysWith(forwarding: Forwarding, { now, lately }: ToldWays): ReadonlySet<Way> {
  const ways = new Set(ofFile[forwarding]);
  const [own, other] =
    forwarding === 'fullnat' ? (['fullnat', 'proxy'] as const) : (['proxy', 'fullnat'] as const);
  if (now.has(other)) {
    ways.delete(own);
    ways.add(other);
  }
  for (const way of lately) if (way !== 'proxy' && way !== 'fullnat') ways.add(way);
  return ways;
}
