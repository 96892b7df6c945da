import type { ControlKeys } from '../../lib/control/index.ts';
import { HeadgateError } from '../../lib/errors/index.ts';
import {
  formatProblem,
  parseTopology,
  readSecrets,
  type ClusterSecrets,
  type Topology,
} from '../../topology/index.ts';
import { idsOf } from '../rotation/keys.ts';
import type { Stamp } from './stamp.ts';

export interface AcceptableOptions {
  /** Name of the source, for the places of problems. */
  readonly name: string;
  readonly cluster: string;
  readonly key: ControlKeys;
  readonly env: Readonly<NodeJS.ProcessEnv>;
}

/** The topology of a text that this node can run. Throws HEADGATE_ROLLOUT_INVALID, _CLUSTER and _SECRET. */
export async function acceptable(
  { name, cluster, key, env }: AcceptableOptions,
  stamp: Stamp,
  text: string,
): Promise<Topology> {
  const result = parseTopology(text, name);
  if (result.topology === undefined) {
    const [first] = result.problems;
    const message = first === undefined ? 'it is not valid' : formatProblem(first);
    throw new HeadgateError('HEADGATE_ROLLOUT_INVALID', message);
  }
  const { topology } = result;
  if (topology.hash !== stamp.hash) {
    const message = `it means ${topology.hash} here and ${stamp.hash} to who rolls it out`;
    throw new HeadgateError('HEADGATE_ROLLOUT_INVALID', message);
  }
  if (topology.cluster !== cluster) {
    const message = `it is of cluster ${topology.cluster}, this node of ${cluster}`;
    throw new HeadgateError('HEADGATE_ROLLOUT_CLUSTER', message);
  }
  await checkSecret(topology, key, env);
  return topology;
}

async function checkSecret(
  topology: Topology,
  { presented, accepted }: ControlKeys,
  env: AcceptableOptions['env'],
): Promise<void> {
  let secrets: ClusterSecrets;
  try {
    secrets = await readSecrets(topology.secret, env);
  } catch (cause) {
    throw new HeadgateError('HEADGATE_ROLLOUT_SECRET', 'its secret cannot be read here', { cause });
  }
  const ids = Object.values(idsOf(secrets)) as readonly string[];
  if (accepted.some(({ id }) => ids.includes(id))) return;
  const message = `the secret it names has key id ${ids[0]}, the one in use ${presented.id}`;
  throw new HeadgateError('HEADGATE_ROLLOUT_SECRET', message);
}
