import { isHeadgateError } from '../lib/errors/index.ts';
import { parseTopology, readTopologyText, type Topology } from '../topology/index.ts';
import { exitCodes, type Command, type CommandIo } from './command.ts';
import { parseOptions } from './options.ts';
import { findFrom, type RunningCluster } from './rollout/find-cluster.ts';
import {
  planAndRollOut,
  rolloutChoices,
  rolloutOptions,
  rolloutOptionsHelp,
} from './rollout/run-roll-out.ts';
import { commitAlone, openSharedPlace, sharedDefault } from './rollout/shared-place.ts';
import { tellProblems, tellWarnings, wordsAndFile } from './topology-arguments.ts';

/** Rolls a topology out over the running cluster. */
export const topologyApply: Command = {
  help: `usage: headgate topology apply NEW [--cluster FILE] [--watch DURATION] [--skip NODE]... [--accept-loss]

Prints the plan; then every node checks and stages NEW, and when all have, every node switches. Each node rewrites its own
topology file. Nodes that are down or removed are named and skipped; they catch up when they return. When health becomes
worse after the switch, the topology from before is rolled out again.

  --cluster FILE      a topology through which to find the running cluster; default: NEW itself. When nodes take their
                      topology from etcd, its address: etcd://HOST:PORT,…/KEY; default: $HEADGATE_TOPOLOGY if it is one
${rolloutOptionsHelp}
  --accept-loss       go on although established connections will be closed

example: headgate topology apply new.yaml`,
  async run(args, io) {
    const { values, positionals } = parseOptions(args, {
      ...rolloutOptions,
      cluster: { type: 'string' },
      'accept-loss': { type: 'boolean' },
    });
    const choices = rolloutChoices(values, values['accept-loss']);
    const { file } = wordsAndFile(positionals, [], io);
    const { text, problem } = await readTopologyText(file);
    if (text === undefined) return tellProblems([problem], io);
    const result = parseTopology(text, file);
    if (result.topology === undefined) return tellProblems(result.problems, io);
    tellWarnings(result.warnings, io);
    const candidate = { topology: result.topology, text };
    const cluster = await findOrBegin(values.cluster ?? sharedDefault(io) ?? file, file, candidate, io);
    if (cluster !== undefined) await planAndRollOut(cluster, candidate, choices, io);
    return exitCodes.done;
  },
};

/** Undefined when no node runs yet and the topology was left in etcd for them. */
async function findOrBegin(
  place: string,
  file: string,
  candidate: { readonly topology: Topology; readonly text: string },
  io: CommandIo,
): Promise<RunningCluster | undefined> {
  const shared = await openSharedPlace(place, io);
  try {
    return await findFrom(place, file, shared, io);
  } catch (error) {
    if (shared === undefined || !isHeadgateError(error, 'HEADGATE_ROLLOUT_NO_CLUSTER')) throw error;
    const { generation, hash } = await commitAlone(shared, candidate);
    io.err(`note: ${error.message}; nodes take the topology from etcd when they start`);
    io.out(`${shared.name} holds generation ${generation} (${hash})`);
    return undefined;
  }
}
