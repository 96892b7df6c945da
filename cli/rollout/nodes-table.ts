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
  return [
    align([['NODE', 'TIER', 'GENERATION', 'TOPOLOGY', 'REMARKS'], ...rows], new Set([2])),
    verdict(nodes, rows, stamp, topology.hash),
  ].join('\n');
}

type Row = readonly [node: string, tier: string, generation: string, topology: string, remarks: string];

/** A remark is no difference: who has one may run what all run. */
function verdict(
  nodes: readonly SurveyedNode[],
  rows: readonly Row[],
  newest: RunningCluster['stamp'],
  hash: string,
): string {
  const differs = ({ answer }: SurveyedNode): boolean =>
    answer !== undefined && (compareStamps(answer.state, newest) !== 0 || answer.status.topology !== hash);
  const silent = nodes.filter(({ answer }) => answer === undefined).length;
  const differing = nodes.filter(differs).length;
  const remarked = nodes.filter(
    (node, index) => node.answer !== undefined && !differs(node) && rows[index]?.[4] !== '',
  ).length;
  const what = `generation ${newest.generation} (${hash})`;
  if (silent + differing === 0) {
    const remark = remarked === 0 ? '' : `, ${remarked} with a remark`;
    return `all ${nodes.length} nodes run ${what}${remark}`;
  }
  const counts = [
    ...(differing === 0 ? [] : [`${differing} of ${nodes.length} nodes differ`]),
    ...(silent === 0
      ? []
      : [`${silent} of ${nodes.length} nodes ${silent === 1 ? 'does' : 'do'} not answer`]),
    ...(remarked === 0 ? [] : [`${remarked} run it with a remark`]),
  ];
  return `${what} is the newest; ${counts.join(', ')}`;
}

function row(
  { node, tier, answer, problem }: SurveyedNode,
  newest: RunningCluster['stamp'],
  hash: string,
): Row {
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
