import { setState } from '../topology/index.ts';
import type { Command } from './command.ts';
import { parseOptions } from './options.ts';
import { editFile, wordsAndFile } from './topology-arguments.ts';

/** Ends the draining of a node. */
export const topologyUndrain: Command = {
  name: 'topology undrain',
  summary: 'let a draining balancer or chat server take new connections again',
  help: `usage: headgate topology undrain NAME [FILE]

Removes the key state, which makes the node active. FILE defaults to $HEADGATE_TOPOLOGY.

example: headgate topology undrain b2 examples/local/topology.yaml`,
  async run(args, io) {
    const { positionals } = parseOptions(args, {});
    const { words, file } = wordsAndFile(positionals, ['NAME'], io);
    const [name = ''] = words;
    return editFile(file, io, (text) => setState(text, name, 'active', file), `${name} is active`);
  },
};
