import { parseTopology, readTopologyText } from '../topology/index.ts';
import { exitCodes, type Command } from './command.ts';
import { parseOptions } from './options.ts';
import { findCluster } from './rollout/find-cluster.ts';
import { planAndRollOut, rolloutOptions, rolloutOptionsHelp } from './rollout/run-roll-out.ts';
import { tellProblems, tellWarnings, wordsAndFile } from './topology-arguments.ts';

/** Rolls a topology out over the running cluster. */
export const topologyApply: Command = {
  name: 'topology apply',
  summary: 'roll a topology out over the running cluster, all nodes or none',
  help: `usage: headgate topology apply NEW [--cluster FILE] [--watch DURATION] [--skip NODE]... [--accept-loss]

Prints the plan; then every node checks and stages NEW, and when all have, every node switches. Each node rewrites its own
topology file. Nodes that are down or removed are named and skipped; they catch up when they return. When health becomes
worse after the switch, the topology from before is rolled out again.

  --cluster FILE      a topology through which to find the running cluster; default: NEW itself
${rolloutOptionsHelp}
  --accept-loss       go on although established connections will be closed

example: headgate topology apply new.yaml`,
  async run(args, io) {
    const { values, positionals } = parseOptions(args, {
      ...rolloutOptions,
      cluster: { type: 'string' },
      'accept-loss': { type: 'boolean' },
    });
    const { file } = wordsAndFile(positionals, [], io);
    const { text, problem } = await readTopologyText(file);
    if (text === undefined) return tellProblems([problem], io);
    const result = parseTopology(text, file);
    if (result.topology === undefined) return tellProblems(result.problems, io);
    tellWarnings(result.warnings, io);
    const cluster = await findCluster(values.cluster ?? file, io);
    const choices = { ...values, acceptLoss: values['accept-loss'] };
    await planAndRollOut(cluster, { topology: result.topology, text }, choices, io);
    return exitCodes.done;
  },
};
