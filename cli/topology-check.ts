import { parseFrom } from '../topology/index.ts';
import { exitCodes, type Command } from './command.ts';
import { parseOptions } from './options.ts';
import { tellProblems, tellWarnings, wordsAndFile } from './topology-arguments.ts';

/** Tells everything that is wrong with a topology file, at once. */
export const topologyCheck: Command = {
  help: `usage: headgate topology check [FILE]

Prints one line per problem, file:line:column: path: what was expected, and ends with exit code 2;
or one line about the valid topology, with its warnings. FILE defaults to $HEADGATE_TOPOLOGY.

example: headgate topology check examples/local/topology.yaml`,
  async run(args, io) {
    const { positionals } = parseOptions(args, {});
    const { file } = wordsAndFile(positionals, [], io);
    const result = await parseFrom(file, io.env);
    if (result.topology === undefined) return tellProblems(result.problems, io);
    tellWarnings(result.warnings, io);
    const { cluster, services, directors, balancers, chatservers, hash } = result.topology;
    const counts = [
      count(services.length, 'service'),
      count(directors.length, 'director'),
      count(balancers.length, 'balancer'),
      count(chatservers.length, 'chat server'),
    ];
    io.out(`${file}: ok: cluster ${cluster}, ${counts.join(', ')}, hash ${hash}`);
    return exitCodes.done;
  },
};

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
