/** One look at every node of a roll-out: what it holds and how it is. The connections stay for what follows. */
import { connectControl, type ControlConnection, type ControlKeys } from '../../lib/control/index.ts';
import { describeError } from '../../lib/errors/index.ts';
import type { Topology } from '../../topology/index.ts';
import { controlEndpoints, type NodeAddress } from '../control-endpoints.ts';
import { statusMethod, type NodeStatus } from '../node-status.ts';
import { stateMethod, stampOf, type RolloutStatus } from './messages.ts';
import { compareStamps, unstamped, type Stamp } from './stamp.ts';

export interface ClusterAccess {
  readonly key: ControlKeys;
  readonly cluster: string;
  /** Who asks, told to the nodes. */
  readonly by: string;
}

/** Opens a control connection to a node; tests bring their own. */
export type ConnectNode = (address: NodeAddress) => Promise<ControlConnection>;

/** Longest wait for a connection or an answer of a node that is well. */
export const askMs = 5_000;

export interface SurveyedNode extends NodeAddress {
  /** Undefined when it does not answer. */
  readonly answer:
    | { readonly connection: ControlConnection; readonly state: RolloutStatus; readonly status: NodeStatus }
    | undefined;
  /** Why it does not answer. */
  readonly problem: string;
  /** The same, as it was thrown. */
  readonly failure?: unknown;
}

export function connectWith({ key, cluster, by }: ClusterAccess): ConnectNode {
  return ({ node, control }) =>
    connectControl({
      endpoint: control,
      expectedNode: node,
      key,
      cluster,
      node: by,
      timeoutMs: askMs,
    });
}

/** Identity of an address: a node that moved is another one. */
export function addressId({ tier, node, control }: NodeAddress): string {
  return `${tier} ${node} ${control.host} ${control.port}`;
}

/** The nodes of several topologies that speak headgate, each once, by name. */
export function addressesOf(topologies: readonly Topology[]): readonly NodeAddress[] {
  const found = new Map(
    topologies
      .flatMap(controlEndpoints)
      .filter(({ speaksControl }) => speaksControl)
      .map((address) => [addressId(address), address]),
  );
  return [...found.values()].toSorted((one, other) => (one.node < other.node ? -1 : 1));
}

/** Asks every node at once. Never rejects. Close the connections. */
export async function survey(
  addresses: readonly NodeAddress[],
  connect: ConnectNode,
): Promise<readonly SurveyedNode[]> {
  return Promise.all(
    addresses.map(async (address): Promise<SurveyedNode> => {
      let connection: ControlConnection | undefined;
      try {
        connection = await connect(address);
        return await askNode(address, connection);
      } catch (error) {
        connection?.close();
        return { ...address, answer: undefined, problem: describeError(error), failure: error };
      }
    }),
  );
}

/** Asks one node over a connection that is there. Rejects as request does. */
export async function askNode(address: NodeAddress, connection: ControlConnection): Promise<SurveyedNode> {
  const [state, status] = await Promise.all([
    connection.request(stateMethod, null, askMs),
    connection.request(statusMethod, null, askMs),
  ]);
  const answer = {
    connection,
    // Only holders of the cluster secret can have answered, and they run this code.
    state: state as unknown as RolloutStatus,
    status: status as unknown as NodeStatus,
  };
  const { node, tier, control, speaksControl } = address;
  return { node, tier, control, speaksControl, answer, problem: '' };
}

export function closeSurvey(nodes: readonly SurveyedNode[]): void {
  for (const { answer } of nodes) answer?.connection.close();
}

/** The newest roll-out any node holds. */
export function newestStamp(nodes: readonly SurveyedNode[]): Stamp {
  return nodes.reduce<Stamp>((newest, { answer }) => {
    const stamp = answer === undefined ? newest : stampOf(answer.state);
    return compareStamps(stamp, newest) > 0 ? stamp : newest;
  }, unstamped(''));
}

/** Names of the watchers for whom a node is up. */
export function upFor(node: NodeAddress, nodes: readonly SurveyedNode[]): readonly string[] {
  return nodes
    .filter(({ answer }) =>
      answer?.status.watches.some(
        (seen) => seen.tier === node.tier && seen.node === node.node && seen.state === 'up',
      ),
    )
    .map(({ node: name }) => name);
}
