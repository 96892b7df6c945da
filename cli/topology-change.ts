/** What the commands that edit a topology share: the edit of the file, and its roll-out. */
import { resolve } from 'node:path';
import { HeadgateError, isHeadgateError } from '../lib/errors/index.ts';
import { isEtcdAddress } from '../lib/etcd/index.ts';
import {
  fileSource,
  parseTopology,
  readFrom,
  replaceFile,
  type Problem,
  type Topology,
} from '../topology/index.ts';
import { exitCodes, type CommandIo } from './command.ts';
import { findCluster, type RunningCluster } from './rollout/find-cluster.ts';
import {
  planAndRollOut,
  rolloutChoices,
  rolloutOptions,
  rolloutOptionsHelp,
} from './rollout/run-roll-out.ts';
import { commitAlone, openSharedPlace } from './rollout/shared-place.ts';
import { tellProblems, tellWarnings } from './topology-arguments.ts';

export const changeOptions = { ...rolloutOptions, 'file-only': { type: 'boolean' } } as const;

export const changeOptionsHelp = `The change is made to the text of FILE, planned, and rolled out to every node, which rewrites its own file. When no node
answers, only FILE is changed; nodes that watch it take it from there.

${rolloutOptionsHelp}
  --file-only         change FILE and nothing else`;

export interface Change {
  readonly file: string;
  readonly edit: (text: string) => string;
  /** What was done, in a few words: `b2 drains`. */
  readonly done: string;
  /** Connections that the change closes are meant. */
  readonly acceptLoss?: boolean;
  /** The nodes will be asked afterwards: without any nothing is changed, and HEADGATE_ROLLOUT_NO_CLUSTER is thrown. */
  readonly asks?: boolean;
}

export interface Changed {
  readonly exitCode: number;
  /** The cluster it was rolled out to, or that had it already, and what runs now. */
  readonly cluster?: RunningCluster;
  readonly topology?: Topology;
}

/**
 * Edits the text of the file and rolls the result out. An edit whose result would be invalid is refused with every
 * located problem and exit code 2. The file is only changed when the roll-out stood. Throws HEADGATE_ROLLOUT_*.
 */
export async function changeTopology(
  change: Change,
  values: Parameters<typeof rolloutChoices>[0] & { readonly 'file-only'?: boolean | undefined },
  io: CommandIo,
): Promise<Changed> {
  const { file, edit, done } = change;
  const choices = rolloutChoices(values, change.acceptLoss);
  const { text, problem } = await readFrom(file, io.env);
  if (text === undefined) return { exitCode: tellProblems([problem], io) };
  let edited: string;
  try {
    edited = edit(text);
  } catch (error) {
    if (!isHeadgateError(error, 'HEADGATE_TOPOLOGY_INVALID')) throw error;
    const problems = error.facts['problems'] as readonly Problem[];
    const isOurs = parseTopology(text, file).topology !== undefined;
    tellProblems(problems, io);
    io.err(`${file}: nothing changed: ${isOurs ? 'the result would be invalid' : 'the file is invalid'}`);
    return { exitCode: exitCodes.usage };
  }
  const result = parseTopology(edited, file);
  const { topology } = result;
  const cluster = values['file-only'] === true ? undefined : await clusterOf(change, edited === text, io);
  if (cluster !== undefined) refuseOtherFile(file, text, cluster);
  if (edited === text) {
    io.out(`${file}: nothing to change: ${done} already`);
    return { exitCode: exitCodes.done, ...(cluster && topology && { cluster, topology }) };
  }
  if (isEtcdAddress(file) && cluster === undefined && topology !== undefined) {
    const place = await openSharedPlace(file, io);
    if (place?.text !== text)
      throw new HeadgateError('HEADGATE_ETCD_CHANGED', `${file} changed during the edit`);
    const { generation } = await commitAlone(place, { topology, text: edited });
    io.out(`${file}: ${done}, generation ${generation}`);
  } else if (cluster === undefined || topology === undefined) {
    await replaceFile(file, text, edited);
    io.out(`${file}: ${done}`);
  } else {
    await planAndRollOut(cluster, { topology, text: edited }, choices, io);
    // The nodes have written their own files; this may be one of them.
    if (cluster.shared === undefined) await writeToo(file, edited);
    io.out(`${file}: ${done}`);
  }
  if (result.topology !== undefined) tellWarnings(result.warnings, io);
  return { exitCode: exitCodes.done, ...(cluster && topology && { cluster, topology }) };
}

/** Undefined, with a note, when no node is there. */
async function clusterOf(
  { file, asks }: Change,
  isDone: boolean,
  io: CommandIo,
): Promise<RunningCluster | undefined> {
  try {
    return await findCluster(file, io, {
      withoutSecret: 'copy the key file there from a host of the cluster, or add --file-only',
    });
  } catch (error) {
    if (!isHeadgateError(error, 'HEADGATE_ROLLOUT_NO_CLUSTER')) throw error;
    if (asks === true)
      throw new HeadgateError(
        error.code,
        `${error.message}, so it cannot be waited for; nothing is changed`,
        {
          cure: 'start the nodes, or leave --wait out to change the file alone',
        },
      );
    io.err(`note: ${error.message}${isDone ? '' : '; only the file is changed'}`);
    return undefined;
  }
}

async function writeToo(file: string, edited: string): Promise<void> {
  try {
    await fileSource(resolve(file)).write(edited);
  } catch (cause) {
    const message = `the cluster runs it; ${file} could not be written`;
    throw new HeadgateError('HEADGATE_TOPOLOGY_UNWRITABLE', message, { cause });
  }
}

function refuseOtherFile(file: string, text: string, { topology, stamp }: RunningCluster): void {
  const own = parseTopology(text, file).topology;
  if (own?.hash === topology.hash) return;
  const message = `${file} is ${own?.hash ?? 'invalid'}, generation ${stamp.generation} of the cluster is ${topology.hash}`;
  throw new HeadgateError('HEADGATE_ROLLOUT_FILE_DIFFERS', message);
}
