import { connectControl, type ControlKeys, type Json } from '../lib/control/index.ts';
import { describeError } from '../lib/errors/index.ts';
import type { Tier, Topology } from '../topology/index.ts';
import { controlEndpoints, type NodeAddress } from './control-endpoints.ts';
import { statusMethod, type NodeStatus } from './node-status.ts';

/** One node of the topology and what it said when asked. */
export interface NodeAnswer {
  readonly node: string;
  readonly tier: Tier;
  /** False for servers that are only probed; they are never asked. */
  readonly speaksControl: boolean;
  readonly status: NodeStatus | null;
  /** Why there is no status; empty when there is one or it was not asked. */
  readonly problem: string;
}

export interface ClusterStatus {
  readonly cluster: string;
  /** Content hash of the topology the asking side has. */
  readonly topology: string;
  readonly nodes: readonly NodeAnswer[];
}

/** Longest wait for one node's answer. */
const askTimeoutMs = 1_000;

/** Nodes asked at the same time. */
const parallelAsks = 32;

/** Asks every node of the topology for its status. Never rejects: a node that does not answer is told as such. */
export async function collectStatus(
  topology: Topology,
  key: ControlKeys,
  askedBy: string,
): Promise<ClusterStatus> {
  const addresses = controlEndpoints(topology);
  const nodes: NodeAnswer[] = Array.from({ length: addresses.length });
  let next = 0;
  async function asker(): Promise<void> {
    for (let index = next++; index < addresses.length; index = next++)
      nodes[index] = await ask(addresses[index]!, topology.cluster, key, askedBy);
  }
  await Promise.all(Array.from({ length: Math.min(parallelAsks, addresses.length) }, asker));
  return { cluster: topology.cluster, topology: topology.hash, nodes };
}

async function ask(
  { node, tier, control, speaksControl }: NodeAddress,
  cluster: string,
  key: ControlKeys,
  askedBy: string,
): Promise<NodeAnswer> {
  const answer = { node, tier, speaksControl };
  if (!speaksControl) return { ...answer, status: null, problem: '' };
  try {
    const connection = await connectControl({
      endpoint: control,
      expectedNode: node,
      key,
      cluster,
      node: askedBy,
      timeoutMs: askTimeoutMs,
    });
    try {
      const status: Json = await connection.request(statusMethod, null, askTimeoutMs);
      // Only holders of the cluster secret can have answered, and they run this code.
      return { ...answer, status: status as unknown as NodeStatus, problem: '' };
    } finally {
      connection.close();
    }
  } catch (error) {
    return { ...answer, status: null, problem: describeError(error) };
  }
}
