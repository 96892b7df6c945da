import { part } from './entry.ts';

/** Codes HEADGATE_CLI_*. */
export const cliErrors = part({
  HEADGATE_CLI_USAGE: {
    meaning: 'The command line is not one that headgate understands.',
    cure: 'run the command with --help to see its options and an example',
  },
  HEADGATE_CLI_NO_NODE: {
    meaning: 'A command that asks a local node found none.',
    cure: 'start one, or name the cluster with --topology FILE',
  },
  HEADGATE_CLI_WHICH_CLUSTER: {
    meaning: 'Nodes of more than one topology run on this machine.',
    cure: 'say which one with --topology FILE',
  },
  HEADGATE_CLI_UP: {
    meaning: 'The command headgate up could not bring up every node of the topology.',
    cure: 'see the lines above for why',
  },
  HEADGATE_CLI_NO_DIRECTOR: {
    meaning: 'No director could be asked.',
    cure: 'run the command on a director, or name the cluster with --topology FILE',
  },
  HEADGATE_CLI_DIRECTOR_RUNS: {
    meaning: 'What a director forwards in the kernel was to be ended while it runs.',
    cure: 'stop the director first',
  },
});
