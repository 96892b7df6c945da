import { setState } from '../topology/index.ts';
import type { Command } from './command.ts';
import { parseOptions } from './options.ts';
import { wordsAndFile } from './topology-arguments.ts';
import { changeOptions, changeOptionsHelp, changeTopology } from './topology-change.ts';

/** Ends the draining of a node. */
export const topologyUndrain: Command = {
  help: `usage: headgate topology undrain NAME [options] [FILE]

Removes the keys state and drainUntil, which makes the node active. FILE defaults to $HEADGATE_TOPOLOGY.

${changeOptionsHelp}

example: headgate topology undrain b2 examples/local/topology.yaml`,
  async run(args, io) {
    const { values, positionals } = parseOptions(args, changeOptions);
    const { words, file } = wordsAndFile(positionals, ['NAME'], io);
    const [name = ''] = words;
    const edit = (text: string): string => setState(text, name, 'active', file);
    return (await changeTopology({ file, edit, done: `${name} is active` }, values, io)).exitCode;
  },
};
