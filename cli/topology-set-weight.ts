import { setWeight } from '../topology/index.ts';
import type { Command } from './command.ts';
import { parseOptions } from './options.ts';
import { wholeNumber, wordsAndFile } from './topology-arguments.ts';
import { changeOptions, changeOptionsHelp, changeTopology } from './topology-change.ts';

/** Changes the weight of a node. */
export const topologySetWeight: Command = {
  help: `usage: headgate topology set-weight NAME WEIGHT [options] [FILE]

WEIGHT is a whole number from 0 to 1000; 0 takes nothing new. FILE defaults to $HEADGATE_TOPOLOGY.

${changeOptionsHelp}

example: headgate topology set-weight b2 3 examples/local/topology.yaml`,
  async run(args, io) {
    const { values, positionals } = parseOptions(args, changeOptions);
    const { words, file } = wordsAndFile(positionals, ['NAME', 'WEIGHT'], io);
    const [name = ''] = words;
    const weight = wholeNumber(words[1], 'WEIGHT') ?? 0;
    const edit = (text: string): string => setWeight(text, name, weight, file);
    return (await changeTopology({ file, edit, done: `${name} has weight ${weight}` }, values, io)).exitCode;
  },
};
