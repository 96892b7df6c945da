/** Which hosts a run has and what they carry. Pure. */

/** Clients of one load process: above, one thread has too much to do. */
const clientsPerHost = 40_000;
/** A third of the ephemeral ports of one address, so that free ones are found quickly. */
const clientsPerSource = 10_000;
/** A chat server has one descriptor per connection, of 20,000; one of the servers is killed on the way. */
const peoplePerServer = 18_500;
export const serverSlots = 19_800;
const connectionsPerBalancer = 100_000;

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
}

export function planRun(connections: number): Plan {
  const hosts = Math.max(2, Math.ceil(connections / clientsPerHost));
  const perHost = Math.ceil(connections / hosts);
  const clients = numbers(hosts).map((index) => {
    const firstUser = index * perHost;
    const count = Math.min(perHost, connections - firstUser);
    const sources = numbers(Math.ceil(count / clientsPerSource)).map(
      (source) => `10.77.${10 + index}.${source + 1}`,
    );
    return { name: `l${index + 1}`, sources, firstUser, count };
  });
  const servers = Math.max(3, Math.ceil(connections / peoplePerServer) + 1);
  const balancers = Math.max(2, Math.ceil(connections / connectionsPerBalancer)) + 1;
  return {
    connections,
    clients,
    balancers: numbers(balancers).map((index) => ({ name: `b${index + 1}`, host: `10.77.1.${index + 1}` })),
    servers: numbers(servers).map((index) => ({ name: `c${index + 1}`, host: `10.77.2.${index + 1}` })),
  };
}

function numbers(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}
