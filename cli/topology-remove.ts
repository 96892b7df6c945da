import { removeNode } from '../topology/index.ts';
import type { Command } from './command.ts';
import { parseOptions } from './options.ts';
import { wordsAndFile } from './topology-arguments.ts';
import { changeOptions, changeOptionsHelp, changeTopology } from './topology-change.ts';

/** Removes a node from a topology file. */
export const topologyRemove: Command = {
  help: `usage: headgate topology remove NAME [options] [FILE]

Removes the node from its tier and from the lists of services. Its established connections stay until they end.
FILE defaults to $HEADGATE_TOPOLOGY.

${changeOptionsHelp}

example: headgate topology remove b2 examples/local/topology.yaml`,
  async run(args, io) {
    const { values, positionals } = parseOptions(args, changeOptions);
    const { words, file } = wordsAndFile(positionals, ['NAME'], io);
    const [name = ''] = words;
    const change = { file, edit: (text: string) => removeNode(text, name, file), done: `${name} removed` };
    return (await changeTopology(change, values, io)).exitCode;
  },
};
