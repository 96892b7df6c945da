/** How status and explain reach a running cluster: by its topology and secret, or by a local admin socket. */
import {
  connectControl,
  connectLocal,
  type ControlConnection,
  type ControlKeys,
} from '../lib/control/index.ts';
import { HeadgateError } from '../lib/errors/index.ts';
import { localSockets, ringOf, statusMethod, type NodeAddress, type NodeStatus } from '../node/index.ts';
import { loadFrom, readSecrets, type Topology } from '../topology/index.ts';

/** Name under which commands ask. */
export const askerName = 'headgate-cli';

export const askTimeoutMs = 5_000;

/** A node on the same machine that takes longer is stopped. */
const localTimeoutMs = 1_000;

export interface TopologyAccess {
  readonly topology: Topology;
  readonly key: ControlKeys;
}

/** Reads the topology and its secret. */
export async function openTopology(file: string, env: Readonly<NodeJS.ProcessEnv>): Promise<TopologyAccess> {
  const { topology } = await loadFrom(file, env);
  return { topology, key: ringOf(await readSecrets(topology.secret, env)) };
}

/** Connects to the control port of one node. */
export function connectNode(
  { topology, key }: TopologyAccess,
  { node, control }: NodeAddress,
): Promise<ControlConnection> {
  return connectControl({
    endpoint: control,
    expectedNode: node,
    key,
    cluster: topology.cluster,
    node: askerName,
    timeoutMs: askTimeoutMs,
  });
}

export interface LocalNode {
  readonly connection: ControlConnection;
  readonly status: NodeStatus;
}

/**
 * Connects to every node that runs on this machine under this user. Throws HEADGATE_CLI_NO_NODE when there is none
 * and HEADGATE_CLI_WHICH_CLUSTER when they belong to different topology files, and what localSockets throws. Close the
 * connections.
 */
export async function connectLocalNodes(env: Readonly<NodeJS.ProcessEnv>): Promise<readonly LocalNode[]> {
  const asked = await Promise.all(localSockets(env).map(askLocal));
  const nodes = asked.filter((node) => node !== undefined);
  const files = [...new Set(nodes.map(({ status }) => status.file))];
  if (nodes.length === 0)
    throw new HeadgateError('HEADGATE_CLI_NO_NODE', 'no headgate node of yours runs on this machine');
  if (files.length > 1) {
    closeAll(nodes);
    throw new HeadgateError(
      'HEADGATE_CLI_WHICH_CLUSTER',
      `nodes of ${files.length} topologies run on this machine: ${files.join(', ')}`,
    );
  }
  return nodes;
}

/** Undefined when it ended while being asked, or hangs: the others answer. */
async function askLocal(path: string): Promise<LocalNode | undefined> {
  let connection: ControlConnection | undefined;
  try {
    connection = await connectLocal(path, localTimeoutMs);
    const status = await connection.request(statusMethod, null, localTimeoutMs);
    return { connection, status: status as unknown as NodeStatus };
  } catch {
    connection?.close();
    return undefined;
  }
}

export function closeAll(nodes: readonly LocalNode[]): void {
  for (const { connection } of nodes) connection.close();
}
