import { startBalancer } from '../balancer/index.ts';
import type { Command } from './command.ts';
import { nodeOptionsHelp, nodeSignalsHelp, runNodeCommand } from './node-options.ts';

export const balancerCommand: Command = {
  help: `Usage: headgate balancer --topology FILE [--node NAME]

Runs one balancer of the topology in the foreground until it is told to end.

${nodeOptionsHelp}

${nodeSignalsHelp}

Example: headgate balancer --topology /etc/headgate/topology.yaml --node b1`,
  run: (args, io) => runNodeCommand('balancer', startBalancer, args, io),
};
