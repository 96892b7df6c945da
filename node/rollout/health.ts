/** Whether a cluster is worse off than it was: what a roll-out watches after the switch. Pure. */
import { nodeIdentity, type Tier, type Topology } from '../../topology/index.ts';
import type { NodeStatus } from '../node-status.ts';

/** The part of the nodes' statuses that a roll-out compares. */
export interface Health {
  /** Nodes that answer. */
  readonly answering: ReadonlySet<string>;
  /** `watcher sees tier node` for each watcher a node is up for. */
  readonly up: ReadonlySet<string>;
  /** `watcher sees tier node serve service`. */
  readonly serving: ReadonlySet<string>;
  /** Refusals and resets since the start of each node. */
  readonly troubles: ReadonlyMap<string, number>;
}

/** Counters of clients that were refused, or whose connection was ended by us. */
const troubleCounters = /^(?:refused(?!Peer)|deadResets$|picksWithoutUpstream$)/;

/** Fewer events than this are no trend. */
const fewestTroubles = 10;

/** Refusals and resets of a node since its start. */
export function troublesOf({ counters }: Pick<NodeStatus, 'counters'>): number {
  return Object.entries(counters)
    .filter(([name]) => troubleCounters.test(name))
    .reduce((sum, [, count]) => sum + count, 0);
}

export function healthOf(statuses: readonly NodeStatus[]): Health {
  const up = new Set<string>();
  const serving = new Set<string>();
  for (const { node: watcher, watches } of statuses)
    for (const { tier, node, state, services } of watches) {
      if (state !== 'up') continue;
      up.add(seen(watcher, tier, node));
      for (const [service, readiness] of Object.entries(services))
        if (readiness === 'serving' || readiness === 'full')
          serving.add(`${seen(watcher, tier, node)} serve ${service}`);
    }
  return {
    answering: new Set(statuses.map(({ node }) => node)),
    up,
    serving,
    troubles: new Map(statuses.map((status) => [`${status.node} ${status.pid}`, troublesOf(status)])),
  };
}

function seen(watcher: string, tier: Tier, node: string): string {
  return `${watcher} sees ${tier} ${node}`;
}

/**
 * What is worse in `now` than in `before`, one short line each, of the nodes that stay from topology `from` to `to`: one
 * that is drained or removed may end, and one that moved is another.
 */
export function whatIsWorse(
  before: Health,
  now: Health,
  { from, to }: { readonly from: Topology; readonly to: Topology },
): readonly string[] {
  const worse: string[] = [];
  const after = nodesThatStay(from, to);
  const present = new Set(
    [...after.directors, ...after.balancers, ...after.chatservers].map(({ name }) => name),
  );
  for (const node of before.answering)
    if (present.has(node) && !now.answering.has(node)) worse.push(`${node} does not answer any more`);
  const watchers = [...after.directors, ...after.balancers].filter(({ name }) => now.answering.has(name));
  for (const { name: watcher } of watchers) {
    for (const [tier, section, nodes] of [
      ['balancer', 'balancers', after.balancers],
      ['chatserver', 'chatservers', after.chatservers],
    ] as const) {
      for (const { name, state } of nodes) {
        const key = seen(watcher, tier, name);
        if (!before.up.has(key)) continue;
        if (!now.up.has(key)) worse.push(`${name} was up for ${watcher} and is not`);
        else if (state === 'active')
          for (const { name: service, [section]: listed } of after.services)
            if (
              listed.includes(name) &&
              before.serving.has(`${key} serve ${service}`) &&
              !now.serving.has(`${key} serve ${service}`)
            )
              worse.push(`${name} served ${service} for ${watcher} and does not`);
      }
    }
  }
  return worse;
}

function nodesThatStay(from: Topology, to: Topology): Topology {
  const known = new Set([
    ...from.directors.map((node) => nodeIdentity('director', node)),
    ...from.balancers.map((node) => nodeIdentity('balancer', node)),
    ...from.chatservers.map((node) => nodeIdentity('chatserver', node)),
  ]);
  return {
    ...to,
    directors: to.directors.filter((node) => known.has(nodeIdentity('director', node))),
    balancers: to.balancers.filter((node) => known.has(nodeIdentity('balancer', node))),
    chatservers: to.chatservers.filter((node) => known.has(nodeIdentity('chatserver', node))),
  };
}

/** Refusals and resets between two looks; a process that was replaced meanwhile began at 0. */
export function troublesBetween(before: Health, now: Health): number {
  let sum = 0;
  for (const [process, count] of now.troubles)
    sum += Math.max(0, count - (before.troubles.get(process) ?? 0));
  return sum;
}

/** One line when there are more than twice as many refusals and resets per time as in the minute before. */
export function troublesWorse(minuteBefore: number, since: number, elapsedMs: number): string | undefined {
  if (since < fewestTroubles || since / Math.max(elapsedMs, 1_000) <= (2 * minuteBefore) / 60_000)
    return undefined;
  return `${since} refusals and resets in ${Math.ceil(elapsedMs / 1_000)} s, after ${minuteBefore} in the minute before`;
}
