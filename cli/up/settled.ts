import type { ClusterStatus } from '../../node/index.ts';

/** What is not in use yet, one short line each; empty when every node answers and is up for all who watch it. */
export function unsettled(cluster: ClusterStatus): readonly string[] {
  const silent = cluster.nodes
    .filter(({ speaksControl, status }) => speaksControl && status === null)
    .map(({ node, problem }) => `${node} does not answer: ${problem}`);
  const notUp = cluster.nodes.flatMap(({ node, status }) =>
    (status?.watches ?? [])
      .filter(({ state }) => state !== 'up')
      .map(
        (seen) => `${seen.node} is ${seen.state} for ${node}${seen.lastFailure && `: ${seen.lastFailure}`}`,
      ),
  );
  return [...silent, ...notUp];
}
