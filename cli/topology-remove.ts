import { removeNode } from '../topology/index.ts';
import type { Command } from './command.ts';
import { parseOptions } from './options.ts';
import { editFile, wordsAndFile } from './topology-arguments.ts';

/** Removes a node from a topology file. */
export const topologyRemove: Command = {
  name: 'topology remove',
  summary: 'remove a node: it drains, then its process exits',
  help: `usage: headgate topology remove NAME [FILE]

Removes the node from its tier and from the lists of services. Its established connections stay until they end.
FILE defaults to $HEADGATE_TOPOLOGY.

example: headgate topology remove b2 examples/local/topology.yaml`,
  async run(args, io) {
    const { positionals } = parseOptions(args, {});
    const { words, file } = wordsAndFile(positionals, ['NAME'], io);
    const [name = ''] = words;
    return editFile(file, io, (text) => removeNode(text, name, file), `${name} removed`);
  },
};
