import { part } from './entry.ts';

/** Codes HEADGATE_CLI_*. */
export const cliErrors = part({
  HEADGATE_CLI_USAGE: {
    meaning: 'The command line is not one that headgate understands.',
    cure: 'run the command with --help to see its options and an example',
  },
});
