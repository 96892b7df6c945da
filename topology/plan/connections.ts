/** What a change does to the connections that exist. Pure. */
import { nodeIdentity } from '../diff.ts';
import type { Balancer, ChatServer, Director, Tier, Topology } from '../types.ts';

/** What the running nodes know; keys are node identities (`nodeIdentity`). */
export interface LiveView {
  /** Established connections of each node. */
  readonly connections: ReadonlyMap<string, number>;
  /** Nodes that get nothing new because they are down or have never answered. */
  readonly down: ReadonlySet<string>;
}

/**
 * `kept`: the change does not touch them; `drained`: they stay until they end by themselves, on a node that gets nothing
 * new; `lost`: they are closed, now or at a deadline unless they end before.
 */
export type Fate = 'kept' | 'drained' | 'lost';

export interface Fates {
  readonly total: number;
  readonly kept: number;
  readonly drained: number;
  readonly lost: number;
}

export interface ConnectionPlan extends Fates {
  /** The same connections, seen at each tier. */
  readonly tiers: Readonly<Record<Tier, Fates>>;
  /** Nodes whose connections are not kept. */
  readonly nodes: readonly {
    readonly tier: Tier;
    readonly node: string;
    readonly fate: Exclude<Fate, 'kept'>;
    readonly connections: number;
    /** When they are closed, milliseconds since 1970. */
    readonly untilMs?: number;
  }[];
}

type AnyNode = Director | Balancer | ChatServer;

const tiers = ['director', 'balancer', 'chatserver'] as const;

export function nodesOfTier(topology: Topology, tier: Tier): readonly AnyNode[] {
  if (tier === 'director') return topology.directors;
  return tier === 'balancer' ? topology.balancers : topology.chatservers;
}

/**
 * What becomes of the connections of `before` when `after` replaces it. A connection has a node in every tier, and nobody
 * knows which goes with which; so when nodes of several tiers lose or drain, the sums over the tiers are the most it
 * can be, and `kept` is the least. When only one tier is touched they are exact.
 */
export function planConnections(before: Topology, after: Topology, live: LiveView): ConnectionPlan {
  const nodes: ConnectionPlan['nodes'][number][] = [];
  const seen = Object.fromEntries(
    tiers.map((tier) => {
      const sum = { kept: 0, drained: 0, lost: 0 };
      const now = new Map(nodesOfTier(after, tier).map((node) => [nodeIdentity(tier, node), node]));
      for (const node of nodesOfTier(before, tier)) {
        const identity = nodeIdentity(tier, node);
        const connections = live.connections.get(identity) ?? 0;
        const fate = fateOf(node, now.get(identity));
        sum[fate.fate] += connections;
        if (fate.fate !== 'kept' && connections > 0)
          nodes.push({ tier, node: node.name, connections, ...fate, fate: fate.fate });
      }
      return [tier, { total: sum.kept + sum.drained + sum.lost, ...sum }];
    }),
  ) as Record<Tier, Fates>;
  const total = Math.max(...tiers.map((tier) => seen[tier].total));
  const over = (fate: Fate): number => tiers.reduce((sum, tier) => sum + seen[tier][fate], 0);
  const lost = Math.min(total, over('lost'));
  const drained = Math.min(total - lost, over('drained'));
  return { total, kept: total - lost - drained, drained, lost, tiers: seen, nodes };
}

/** What becomes of the connections of a node. Nothing happens to those of a node that drains already, as before. */
function fateOf(was: AnyNode, is: AnyNode | undefined): { readonly fate: Fate; readonly untilMs?: number } {
  if (is === undefined) return { fate: 'drained' };
  if (!('state' in is) || !('state' in was) || is.state === 'active') return { fate: 'kept' };
  if (is.drainUntilMs !== undefined)
    return was.state === 'drain' && was.drainUntilMs === is.drainUntilMs
      ? { fate: 'kept' }
      : { fate: 'lost', untilMs: is.drainUntilMs };
  return { fate: was.state === 'drain' && was.drainUntilMs === undefined ? 'kept' : 'drained' };
}
