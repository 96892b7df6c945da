import { closeAll, connectLocalNodes } from '../../cli/cluster-access.ts';
import {
  clusterStatusMethod,
  type ClusterStatus,
  type NodeStatus,
  type WatchedNode,
} from '../../node/index.ts';
import type { Tier } from '../../topology/index.ts';
import type { Cluster } from '../cluster.ts';
import { until } from '../until.ts';

/** What `headgate status --json` tells, asked the same way but without a process of its own. */
export async function statusOf({ env }: Pick<Cluster, 'env'>): Promise<ClusterStatus> {
  const nodes = await connectLocalNodes(env);
  try {
    return (await nodes
      .at(-1)!
      .connection.request(clusterStatusMethod, null, 10_000)) as unknown as ClusterStatus;
  } finally {
    closeAll(nodes);
  }
}

/** Asking costs every node a handshake or more: it is not done without a pause. */
const askEveryMs = 100;

/** Waits until the status of the cluster is as `condition` wants it; resolves with what that answers. */
export async function untilStatus<Answer>(
  cluster: Pick<Cluster, 'env'>,
  condition: (status: ClusterStatus) => Answer,
  describe: string,
) {
  const awaited = { describe, timeoutMs: 30_000, everyMs: askEveryMs };
  return until(async () => condition(await statusOf(cluster)), awaited);
}

/** The status of one node; undefined when it did not answer. */
export function nodeStatus(status: ClusterStatus, name: string): NodeStatus | undefined {
  return status.nodes.find(({ node }) => node === name)?.status ?? undefined;
}

/** How every watcher of a node sees it. */
export function viewsOf(status: ClusterStatus, name: string): readonly WatchedNode[] {
  return status.nodes.flatMap(({ status: own }) => (own?.watches ?? []).filter(({ node }) => node === name));
}

/** Waits until a node is in this state for everybody who watches it. */
export async function untilState(
  cluster: Pick<Cluster, 'env'>,
  name: string,
  state: WatchedNode['state'],
): Promise<void> {
  await untilStatus(
    cluster,
    (status) => {
      const views = viewsOf(status, name);
      return views.length > 0 && views.every((view) => view.state === state);
    },
    `${name} to be ${state} for all who watch it`,
  );
}

/** Waits until every node that answers runs the same topology as the one that was asked, and none is silent. */
export async function untilAgreed(cluster: Pick<Cluster, 'env'>): Promise<ClusterStatus> {
  return untilStatus(
    cluster,
    (status) => status.nodes.every((answer) => answer.status?.topology === status.topology) && status,
    'every node to run the same topology',
  );
}

/** Waits until the tiers agree on the number of connections: workers report theirs a little later. */
export async function untilCounted(cluster: Pick<Cluster, 'env'>): Promise<ClusterStatus> {
  return untilStatus(
    cluster,
    (status) => {
      const carried = (tier: Tier): number =>
        status.nodes
          .filter((answer) => answer.tier === tier)
          .reduce((sum, answer) => sum + (answer.status?.connections ?? 0), 0);
      const clients = carried('director');
      return carried('balancer') === clients && carried('chatserver') === clients && status;
    },
    'the tiers to agree on the number of connections',
  );
}
