/** Finds the running cluster that a command is about: by a topology file and its secret, or by the nodes on this machine. */
import { userInfo, hostname } from 'node:os';
import { HeadgateError, isHeadgateError } from '../../lib/errors/index.ts';
import {
  addressesOf,
  closeSurvey,
  compareStamps,
  connectWith,
  environment,
  fetchMethod,
  newerStamp,
  newestStamp,
  readFetched,
  survey,
  type ConnectNode,
  type Stamp,
  type SurveyedNode,
} from '../../node/index.ts';
import { nodeIdentity, parseTopology, type LiveView, type Topology } from '../../topology/index.ts';
import {
  askTimeoutMs,
  closeAll,
  connectLocalNodes,
  openTopology,
  type TopologyAccess,
} from '../cluster-access.ts';
import type { CommandIo } from '../command.ts';
import { openSharedPlace, type SharedPlace } from './shared-place.ts';

export interface RunningCluster {
  readonly topology: Topology;
  /** Its text, as the nodes have it. */
  readonly text: string;
  /** The newest roll-out any node holds. */
  readonly stamp: Stamp;
  /** Every node of it, whether it answers or not; the connections are closed. */
  readonly nodes: readonly SurveyedNode[];
  readonly connect: ConnectNode;
  /** Who asks, as the nodes are told. */
  readonly by: string;
  /** Where all nodes read their topology, when that is one place. */
  readonly shared?: SharedPlace;
}

/** `ann@admin-host`: who rolls out, for the messages of others. */
export function whoAsks(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return hostname();
  }
}

export interface Search {
  /** The shared place, when it is not the file that says it. */
  readonly known?: SharedPlace | undefined;
  /** What to do where the secret of the file is not: the option of the command that goes another way. */
  readonly withoutSecret?: string;
}

/**
 * Looks for a node that answers: among those of `file` (default: $HEADGATE_TOPOLOGY), then on this machine. Throws
 * HEADGATE_ROLLOUT_NO_CLUSTER when nobody is there, and HEADGATE_ROLLOUT_ACCESS, with what is in the way as its cause, when
 * that cannot be told.
 */
export async function findCluster(
  file: string | undefined,
  io: CommandIo,
  { known, withoutSecret }: Search = {},
): Promise<RunningCluster> {
  const path = file ?? io.env[environment.topology];
  let obstacle: unknown;
  if (path !== undefined) {
    try {
      const found = await askAll(path, await openTopology(path, io.env), io, known);
      if ('topology' in found) return found;
      obstacle = found.obstacle;
    } catch (error) {
      // An invalid file is the user's to repair, whatever runs.
      if (isHeadgateError(error, 'HEADGATE_TOPOLOGY_INVALID')) throw error;
      obstacle = error;
    }
  }
  if (file === undefined) {
    const local = await localFile(io);
    if (local !== undefined && local !== path) {
      const found = await askAll(local, await openTopology(local, io.env), io, known);
      if ('topology' in found) return found;
      obstacle ??= found.obstacle;
    }
  }
  if (obstacle !== undefined) {
    const isMissing = isHeadgateError(obstacle, 'HEADGATE_TOPOLOGY_SECRET_MISSING');
    throw new HeadgateError(
      'HEADGATE_ROLLOUT_ACCESS',
      `the nodes of ${path ?? 'this machine'} cannot be asked`,
      {
        cause: obstacle,
        ...(isMissing && withoutSecret !== undefined && { cure: withoutSecret }),
      },
    );
  }
  const where =
    path === undefined ? 'no node runs on this machine and no FILE was given' : `no node of ${path} answers`;
  throw new HeadgateError('HEADGATE_ROLLOUT_NO_CLUSTER', where);
}

/**
 * As findCluster, for a topology `fresh` that is not rolled out yet: through `place`, a topology file or what etcd holds;
 * before the first time etcd holds nothing, and `fresh` tells where the nodes are.
 */
export function findFrom(
  place: string,
  fresh: string,
  shared: SharedPlace | undefined,
  io: CommandIo,
): Promise<RunningCluster> {
  return findCluster(shared === undefined || shared.text !== undefined ? place : fresh, io, {
    known: shared,
    withoutSecret:
      'name the topology of the running cluster, which has its key file, with --cluster FILE, or copy the key file there',
  });
}

async function localFile(io: CommandIo): Promise<string | undefined> {
  try {
    const nodes = await connectLocalNodes(io.env);
    closeAll(nodes);
    return nodes[0]?.status.file;
  } catch (error) {
    if (isHeadgateError(error, 'HEADGATE_CLI_NO_NODE')) return undefined;
    throw error;
  }
}

/** Codes of those who are not there, as far as can be seen from here. */
const awayCodes = [
  'HEADGATE_CONTROL_REFUSED',
  'HEADGATE_CONTROL_TIMEOUT',
  'HEADGATE_CONTROL_UNREACHABLE',
] as const;

/** When nobody answers: why somebody who is there does not, if anybody is. */
async function askAll(
  file: string,
  access: TopologyAccess,
  io: CommandIo,
  known: SharedPlace | undefined,
): Promise<RunningCluster | { readonly obstacle: unknown }> {
  const shared = known ?? (await openSharedPlace(file, io));
  const by = whoAsks();
  const { key, topology: own } = access;
  const connect = connectWith({ key, cluster: own.cluster, by });
  const first = await survey(addressesOf([own]), connect);
  let nodes = first;
  try {
    const running = await fetchRunning(first, file);
    if (running === undefined) {
      const isAway = ({ failure }: SurveyedNode): boolean =>
        awayCodes.some((code) => isHeadgateError(failure, code));
      return { obstacle: first.find((node) => !isAway(node))?.failure };
    }
    const missing = addressesOf([running.topology]).filter(
      ({ node, control }) =>
        !first.some((other) => other.node === node && other.control.host === control.host),
    );
    nodes = [...first, ...(await survey(missing, connect))];
    const stamp = newerStamp(newestStamp(nodes), shared?.stamp);
    return { ...running, stamp, nodes, connect, by, ...(shared && { shared }) };
  } finally {
    closeSurvey(nodes);
  }
}

/** What most of those run that hold the newest roll-out: a change by hand on one node is that node's own. */
async function fetchRunning(
  nodes: readonly SurveyedNode[],
  file: string,
): Promise<Pick<RunningCluster, 'topology' | 'text'> | undefined> {
  const newest = newestStamp(nodes);
  const holders = nodes.filter(
    ({ answer }) => answer !== undefined && compareStamps(answer.state, newest) === 0,
  );
  const votes = new Map<string, number>();
  for (const { answer } of holders)
    votes.set(answer!.status.topology, (votes.get(answer!.status.topology) ?? 0) + 1);
  const holder = holders.toSorted(
    (one, other) => votes.get(other.answer!.status.topology)! - votes.get(one.answer!.status.topology)!,
  )[0];
  if (holder?.answer === undefined) return undefined;
  const { text } = readFetched(await holder.answer.connection.request(fetchMethod, null, askTimeoutMs));
  const { topology } = parseTopology(text, file);
  if (topology !== undefined) return { topology, text };
  throw new HeadgateError(
    'HEADGATE_ROLLOUT_INVALID',
    `what ${holder.node} runs is not valid for this command`,
  );
}

/** Live counts for a plan. */
export function liveView({ topology, nodes }: Pick<RunningCluster, 'topology' | 'nodes'>): LiveView {
  const connections = new Map<string, number>();
  const down = new Set<string>();
  const views = nodes.flatMap(({ answer }) => answer?.status.watches ?? []);
  for (const [tier, entries] of [
    ['director', topology.directors],
    ['balancer', topology.balancers],
    ['chatserver', topology.chatservers],
  ] as const) {
    for (const entry of entries) {
      const identity = nodeIdentity(tier, entry);
      const own = nodes.find((node) => node.tier === tier && node.node === entry.name)?.answer?.status
        .connections;
      const seen = views.filter((view) => view.tier === tier && view.node === entry.name);
      connections.set(identity, own ?? seen.reduce((sum, view) => sum + view.connections, 0));
      if (seen.length > 0 && seen.every(({ state }) => state !== 'up')) down.add(identity);
    }
  }
  return { connections, down };
}
