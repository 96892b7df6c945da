/** What is left on a node that drains, as a look at the cluster tells it. Pure. */
import type { SurveyedNode } from '../../node/index.ts';
import type { Tier, Topology } from '../../topology/index.ts';

/** `connections` are what those tell that answered; `unknown` says why there may be more, or is undefined. */
export interface Left {
  readonly connections: number;
  readonly unknown: string | undefined;
}

/**
 * Counts what is left on `name`. That is known when the node itself answers, or, as it may be a foreign one, everybody in
 * front who sends connections there.
 */
export function leftOn(name: string, topology: Topology, nodes: readonly SurveyedNode[]): Left {
  const own = nodes.find(({ node }) => node === name);
  const seen = nodes
    .flatMap(({ answer }) => answer?.status.watches ?? [])
    .filter(({ node, tier }) => node === name && drainable.includes(tier))
    .reduce((sum, { connections }) => sum + connections, 0);
  const connections = Math.max(own?.answer?.status.connections ?? 0, seen);
  if (own?.answer !== undefined) return { connections, unknown: undefined };
  const silent = watchersOf(name, topology).filter(
    (watcher) => nodes.find(({ node }) => node === watcher)?.answer === undefined,
  );
  if (silent.length === 0) return { connections, unknown: undefined };
  const who = own === undefined ? silent : [name, ...silent];
  return { connections, unknown: `no answer from ${who.join(', ')}` };
}

const drainable: readonly Tier[] = ['balancer', 'chatserver'];

/** Names of those who send connections to a node. */
function watchersOf(name: string, { directors, balancers, services }: Topology): readonly string[] {
  if (balancers.some((balancer) => balancer.name === name)) return directors.map((director) => director.name);
  const users = services.filter(({ chatservers }) => chatservers.includes(name));
  return [...new Set(users.flatMap((service) => service.balancers))];
}
