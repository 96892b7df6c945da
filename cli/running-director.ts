/** Whether a director runs, asked where it would answer. */
import { connectLocal } from '../lib/control/index.ts';
import { isHeadgateError } from '../lib/errors/index.ts';
import { controlEndpoints, localSockets, statusMethod, type NodeStatus } from '../node/index.ts';
import type { Director, Topology } from '../topology/index.ts';
import { askTimeoutMs, connectNode, openTopology } from './cluster-access.ts';

/** Whether this director of the topology in `file` answers, at its control port or at its admin socket. */
export async function directorRuns(
  file: string,
  topology: Pick<Topology, 'hash'>,
  director: Director,
  env: Readonly<NodeJS.ProcessEnv>,
): Promise<boolean> {
  return (await answersAtPort(file, director, env)) || (await answersAtSocket(topology, director, env));
}

async function answersAtPort(
  file: string,
  { name }: Director,
  env: Readonly<NodeJS.ProcessEnv>,
): Promise<boolean> {
  try {
    const access = await openTopology(file, env);
    const address = controlEndpoints(access.topology).find(
      ({ node, tier }) => node === name && tier === 'director',
    );
    if (address === undefined) return false;
    (await connectNode(access, address)).close();
    return true;
  } catch (error) {
    if (!isHeadgateError(error)) throw error;
    // Who accepts and says nothing is stopped, or busy, and lives.
    if (isHeadgateError(error, 'HEADGATE_CONTROL_TIMEOUT')) return true;
    // Nobody listens there, or another node; or whoever asks has not got the secret.
    return false;
  }
}

async function answersAtSocket(
  { hash }: Pick<Topology, 'hash'>,
  { name }: Director,
  env: Readonly<NodeJS.ProcessEnv>,
): Promise<boolean> {
  const running = await Promise.all(
    localSockets(env).map(async (path) => {
      const status = await statusAt(path);
      return status?.tier === 'director' && status.node === name && status.topology === hash;
    }),
  );
  return running.includes(true);
}

/** Undefined when nobody answers. */
async function statusAt(path: string): Promise<NodeStatus | undefined> {
  try {
    const connection = await connectLocal(path, askTimeoutMs);
    try {
      return (await connection.request(statusMethod, null, askTimeoutMs)) as unknown as NodeStatus;
    } finally {
      connection.close();
    }
  } catch (error) {
    if (!isHeadgateError(error)) throw error;
    return undefined;
  }
}
