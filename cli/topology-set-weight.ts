import { setWeight } from '../topology/index.ts';
import type { Command } from './command.ts';
import { parseOptions } from './options.ts';
import { editFile, wholeNumber, wordsAndFile } from './topology-arguments.ts';

/** Changes the weight of a node. */
export const topologySetWeight: Command = {
  name: 'topology set-weight',
  summary: 'change the share of new connections of a balancer or chat server',
  help: `usage: headgate topology set-weight NAME WEIGHT [FILE]

WEIGHT is a whole number from 0 to 1000; 0 takes nothing new. FILE defaults to $HEADGATE_TOPOLOGY.

example: headgate topology set-weight b2 3 examples/local/topology.yaml`,
  async run(args, io) {
    const { positionals } = parseOptions(args, {});
    const { words, file } = wordsAndFile(positionals, ['NAME', 'WEIGHT'], io);
    const [name = ''] = words;
    const weight = wholeNumber(words[1], 'WEIGHT') ?? 0;
    return editFile(file, io, (text) => setWeight(text, name, weight, file), `${name} has weight ${weight}`);
  },
};
