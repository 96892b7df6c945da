/** Which hosts a run has and what they carry. Pure. */

/** Clients of one load process, and into how many processes a million are divided: each costs memory of its own. */
const clientsPerHost = 40_000;
const clientHostsMost = 8;
/** A third of the ephemeral ports of one address, so that free ones are found quickly. */
export const ephemeralPorts = { first: 10_240, last: 65_535 };
const clientsPerSource = 18_000;
/**
 * A chat server has one descriptor per connection, of 20,000; one of the servers is killed on the way. Those of very large runs
 * have several rings instead: every server is a process and is beaten by every balancer, which is not what is measured.
 */
const peoplePerServer = 18_500;
const serversMost = 16;
/** Room for those of the server that is killed. */
const serverSpare = 1.2;
/** How many balancers there are. */
export interface BalancerShare {
  readonly connectionsPerBalancer: number;
  readonly most: number;
}
/** A balancer has as many rings, or processes, as it needs. */
const usualShare: BalancerShare = { connectionsPerBalancer: 100_000, most: 4 };
/**
 * Behind a director that connects to them itself: each connection takes one of its ephemeral ports towards this balancer, and the
 * kernel is quick in the first half of them.
 */
export const proxiedShare: BalancerShare = { connectionsPerBalancer: 25_000, most: 64 };
/** Of what is its share, the one that drains and the one that comes late left out. */
const balancerSpare = 1.6;
const leastConnections = 10_000;

export const vip = '10.77.0.100';
export const port = 9_000;
export const serverPort = 7_000;
export const director = { name: 'd1', host: '10.77.0.1' } as const;

export interface ClientHost {
  readonly name: string;
  readonly sources: readonly string[];
  readonly firstUser: number;
  readonly count: number;
}

export interface TierHost {
  readonly name: string;
  readonly host: string;
}

export interface Plan {
  readonly connections: number;
  readonly clients: readonly ClientHost[];
  /** The last one is added under load. */
  readonly balancers: readonly TierHost[];
  /** The first one is killed. */
  readonly servers: readonly TierHost[];
  /** Most connections of a chat server and of a balancer. */
  readonly serverSlots: number;
  readonly balancerLimit: number;
}

export function planRun(connections: number, share = usualShare): Plan {
  const hosts = Math.max(2, Math.min(clientHostsMost, Math.ceil(connections / clientsPerHost)));
  const perHost = Math.ceil(connections / hosts);
  const clients = numbers(hosts).map((index) => {
    const firstUser = index * perHost;
    const count = Math.min(perHost, connections - firstUser);
    const sources = numbers(Math.ceil(count / clientsPerSource)).map(
      (source) => `10.77.${10 + index}.${source + 1}`,
    );
    return { name: `l${index + 1}`, sources, firstUser, count };
  });
  const servers = Math.max(3, Math.min(serversMost, Math.ceil(connections / peoplePerServer)) + 1);
  const balancers =
    Math.max(2, Math.min(share.most, Math.ceil(connections / share.connectionsPerBalancer))) + 1;
  const perServer = Math.ceil((connections / (servers - 1)) * serverSpare);
  const perBalancer = Math.ceil((connections / (balancers - 1)) * balancerSpare);
  return {
    connections,
    clients,
    balancers: numbers(balancers).map((index) => ({ name: `b${index + 1}`, host: `10.77.1.${index + 1}` })),
    servers: numbers(servers).map((index) => ({ name: `c${index + 1}`, host: `10.77.2.${index + 1}` })),
    serverSlots: Math.max(leastConnections, perServer),
    balancerLimit: Math.max(leastConnections, perBalancer),
  };
}

function numbers(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}
