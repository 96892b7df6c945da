import { setState } from '../topology/index.ts';
import type { Command } from './command.ts';
import { parseOptions } from './options.ts';
import { editFile, wordsAndFile } from './topology-arguments.ts';

/** Sets a node to drain. */
export const topologyDrain: Command = {
  name: 'topology drain',
  summary: 'let a balancer or chat server take nothing new and keep what it has',
  help: `usage: headgate topology drain NAME [FILE]

Writes state: drain. The node gets no new connections and keeps those it has. FILE defaults to $HEADGATE_TOPOLOGY.

example: headgate topology drain b2 examples/local/topology.yaml`,
  async run(args, io) {
    const { positionals } = parseOptions(args, {});
    const { words, file } = wordsAndFile(positionals, ['NAME'], io);
    const [name = ''] = words;
    return editFile(file, io, (text) => setState(text, name, 'drain', file), `${name} drains`);
  },
};
