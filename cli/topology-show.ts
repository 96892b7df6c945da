import { dirname, resolve } from 'node:path';
import { readTopology, showTopology } from '../topology/index.ts';
import { exitCodes, type Command } from './command.ts';
import { parseOptions } from './options.ts';
import { tellProblems, tellWarnings, wordsAndFile } from './topology-arguments.ts';

/** Prints the effective topology. */
export const topologyShow: Command = {
  name: 'topology show',
  summary: 'print a topology with every default written out',
  help: `usage: headgate topology show [FILE]

Prints the effective topology as YAML, every default written out. No byte of the secret is shown,
only where it is. FILE defaults to $HEADGATE_TOPOLOGY.

example: headgate topology show examples/local/topology.yaml`,
  async run(args, io) {
    const { positionals } = parseOptions(args, {});
    const { file } = wordsAndFile(positionals, [], io);
    const result = await readTopology(file);
    if (result.topology === undefined) return tellProblems(result.problems, io);
    tellWarnings(result.warnings, io);
    const text = showTopology(result.topology, dirname(resolve(file)));
    io.out(`# effective topology of ${file}, hash ${result.topology.hash}\n${text.trimEnd()}`);
    return exitCodes.done;
  },
};
