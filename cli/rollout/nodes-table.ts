/** What each node runs, as a table for people. Pure. */
import { compareStamps, type SurveyedNode } from '../../node/index.ts';
import { align } from '../status-table.ts';
import type { RunningCluster } from './find-cluster.ts';

/** Header and rows, then one line that says whether all agree. A * marks what differs from the newest roll-out. */
export function nodesTable({
  nodes,
  stamp,
  topology,
}: Pick<RunningCluster, 'nodes' | 'stamp' | 'topology'>): string {
  const rows = nodes.map((node) => row(node, stamp, topology.hash));
  const differing = rows.filter(([, , , , remarks]) => remarks !== '').length;
  const verdict =
    differing === 0
      ? `all ${nodes.length} nodes run generation ${stamp.generation} (${topology.hash})`
      : `generation ${stamp.generation} (${topology.hash}) is the newest; ${differing} of ${nodes.length} nodes differ`;
  return [
    align([['NODE', 'TIER', 'GENERATION', 'TOPOLOGY', 'REMARKS'], ...rows], new Set([2])),
    verdict,
  ].join('\n');
}

function row(
  { node, tier, answer, problem }: SurveyedNode,
  newest: RunningCluster['stamp'],
  hash: string,
): readonly [string, string, string, string, string] {
  const word = tier === 'chatserver' ? 'chat server' : tier;
  if (answer === undefined) return [node, word, '-', '-', `does not answer: ${problem}`];
  const { state, status } = answer;
  const remarks = [
    ...(compareStamps(state, newest) < 0 ? ['older generation'] : []),
    ...(state.local ? ['file changed by hand'] : []),
    ...(state.staged === null
      ? []
      : [`generation ${state.staged.generation} of ${state.staged.by} is staged`]),
    ...[state.applyProblem, state.diskProblem].filter((text) => text !== ''),
  ];
  const differs = status.topology !== hash;
  if (differs && remarks.length === 0) remarks.push('another topology');
  return [
    node,
    word,
    String(state.generation),
    differs ? `${status.topology} *` : status.topology,
    remarks.join('; '),
  ];
}
