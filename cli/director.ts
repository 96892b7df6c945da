import { startDirector } from '../director/index.ts';
import type { Command } from './command.ts';
import { nodeOptionsHelp, nodeSignalsHelp, runNodeCommand } from './node-options.ts';

export const directorCommand: Command = {
  name: 'director',
  summary: 'run a director: takes clients on the VIP and forwards them to balancers',
  help: `Usage: headgate director --topology FILE [--node NAME]

Runs one director of the topology in the foreground until it is told to end.

${nodeOptionsHelp}

${nodeSignalsHelp}

Example: headgate director --topology /etc/headgate/topology.yaml --node d1`,
  run: (args, io) => runNodeCommand('director', startDirector, args, io),
};
