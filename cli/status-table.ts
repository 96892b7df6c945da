/** A ClusterStatus as a table for people. Pure. */
import type { ClusterStatus, NodeAnswer, WatchedNode } from '../node/index.ts';
import type { Tier } from '../topology/index.ts';
import { forwardingLines } from './forwarding-lines.ts';

const tierNames: Readonly<Record<Tier, string>> = {
  director: 'director',
  balancer: 'balancer',
  chatserver: 'chat server',
};

interface View {
  readonly watcher: string;
  readonly seen: WatchedNode;
}

/**
 * Header and rows, aligned, then one line for every node that could not be asked, then what carries connections and how directors
 * forward packets.
 */
export function renderStatus(cluster: ClusterStatus): string {
  const views = cluster.nodes.flatMap(({ node, status }) =>
    (status?.watches ?? []).map((seen): View => ({ watcher: node, seen })),
  );
  const known = new Set(cluster.nodes.map(({ tier, node }) => `${tier} ${node}`));
  // Removed nodes that still have connections are known only to those who watch them.
  const removed = new Map(
    views
      .filter(({ seen }) => !known.has(`${seen.tier} ${seen.node}`))
      .map(({ seen }): [string, NodeAnswer] => [
        `${seen.tier} ${seen.node}`,
        { node: seen.node, tier: seen.tier, speaksControl: false, status: null, problem: '' },
      ]),
  );
  const rows = [...cluster.nodes, ...removed.values()].map((answer) =>
    row(
      answer,
      views.filter(({ seen }) => seen.tier === answer.tier && seen.node === answer.node),
      cluster.topology,
    ),
  );
  const header = ['TIER', 'NODE', 'STATE', 'MISSES', 'CONNECTIONS', 'LIMIT', 'NEW/S', 'TOPOLOGY'];
  const problems = cluster.nodes
    .filter(({ problem }) => problem !== '')
    .map(({ node, problem }) => `${node}: ${problem}`);
  const table = align([header, ...rows], new Set([3, 4, 5, 6]));
  return [
    table,
    ...rolloutLines(cluster),
    ...problems,
    ...engineLines(cluster),
    ...forwardingLines(cluster.nodes),
  ].join('\n');
}

/** One line for every engine and reason there is, with the nodes it carries connections on. */
function engineLines({ nodes }: ClusterStatus): readonly string[] {
  const users = new Map<string, string[]>();
  for (const { node, status } of nodes) {
    if (status?.engine === undefined) continue;
    const { reason } = status.engine;
    users.set(reason, [...(users.get(reason) ?? []), node]);
  }
  return [...users].map(([reason, names]) => `${names.join(', ')}: ${reason}`);
}

/** Nothing while every node that answers holds the same roll-out; else what each group holds, and what is staged. */
function rolloutLines({ nodes }: ClusterStatus): readonly string[] {
  const groups = new Map<string, string[]>();
  const lines: string[] = [];
  for (const { node, status } of nodes) {
    if (status?.rollout === undefined) continue;
    const { generation, id, staged, local } = status.rollout;
    const group = `${generation} ${id}`;
    groups.set(group, [...(groups.get(group) ?? []), node]);
    if (staged !== null) lines.push(`${node}: generation ${staged.generation} of ${staged.by} is staged`);
    if (local) lines.push(`${node}: its file was changed by hand since generation ${generation}`);
  }
  if (groups.size > 1)
    for (const [group, names] of groups)
      lines.push(`generation ${group.split(' ')[0]} runs on ${names.join(', ')}`);
  return lines;
}

function row(answer: NodeAnswer, views: readonly View[], topology: string): readonly string[] {
  const { status } = answer;
  const hash =
    status === null ? '-' : status.topology === topology ? status.topology : `${status.topology} *`;
  const connections = status?.connections ?? sum(views.map(({ seen }) => seen.connections));
  return [
    tierNames[answer.tier],
    answer.node,
    [state(answer, views), ...remarks(answer, views)].join(', '),
    answer.tier === 'director' ? '-' : String(Math.max(0, ...views.map(({ seen }) => seen.misses))),
    status === null && views.length === 0 ? '-' : String(connections),
    status === null ? '-' : String(status.limit),
    status === null ? '-' : status.newPerSecond.toFixed(1),
    hash,
  ];
}

function state({ tier, status }: NodeAnswer, views: readonly View[]): string {
  if (tier === 'director') return status === null ? 'unreachable' : 'up';
  const states = new Set(views.map(({ seen }) => seen.state));
  if (states.size === 0) return status === null ? 'unreachable' : 'not watched';
  if (states.size === 1) return [...states][0]!;
  return views.map(({ watcher, seen }) => `${seen.state} for ${watcher}`).join(', ');
}

function remarks({ status }: NodeAnswer, views: readonly View[]): readonly string[] {
  const all = new Set<string>();
  for (const { seen } of views) {
    if (seen.dead) all.add('dead');
    if (seen.draining) all.add('draining');
    if (seen.backup === true) all.add('backup');
    if (seen.share !== undefined) all.add(`starts slowly, ${seen.share} %`);
    for (const readiness of Object.values(seen.services))
      if (readiness !== 'serving') all.add(readiness === 'no-upstream' ? 'no upstream' : readiness);
  }
  if (status?.draining) all.add('draining');
  return [...all];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Pads columns to their widest cell; those in `right` to the right. */
export function align(rows: readonly (readonly string[])[], right: ReadonlySet<number>): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  return rows
    .map((cells) =>
      cells
        .map((cell, column) =>
          right.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
        )
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}
