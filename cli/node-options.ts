/** The options that the three commands which run one node share. */
import { logFormats, logLevels, runNode, type StartTier, environment } from '../node/index.ts';
import { graceRangeMs, type Tier } from '../topology/index.ts';
import type { CommandIo } from './command.ts';
import { durationMs, oneOf, parseOptions, usageError } from './options.ts';

export const nodeOptionsHelp = `  --topology FILE     the topology; default: $HEADGATE_TOPOLOGY
  --node NAME         which node of it this is; default: the one with an address of this machine
  --grace DURATION    how long SIGTERM waits for connections, instead of the topology's grace
  --log-level LEVEL   debug, info (default), warn, error
  --log-format FORM   json or pretty; default: pretty on a terminal`;

const nodeOptions = {
  topology: { type: 'string' },
  node: { type: 'string' },
  grace: { type: 'string' },
  'log-level': { type: 'string' },
  'log-format': { type: 'string' },
} as const;

/** Signals every node answers, for `--help`. */
export const nodeSignalsHelp = `Signals: SIGTERM drains and ends, a second one ends at once; SIGHUP reads the topology again (it is also watched).`;

/** Parses the shared options and runs the node until it ends. */
export async function runNodeCommand(
  tier: Tier,
  start: StartTier,
  args: readonly string[],
  io: CommandIo,
): Promise<number> {
  const { values, positionals } = parseOptions(args, nodeOptions);
  if (positionals.length > 0) throw usageError(`unexpected argument ${positionals[0]}`);
  const file = values.topology ?? io.env[environment.topology];
  if (file === undefined)
    throw usageError('which topology?', 'give --topology FILE or set HEADGATE_TOPOLOGY');
  return runNode({
    tier,
    start,
    file,
    name: values.node,
    graceMs: durationMs('grace', values.grace, graceRangeMs),
    logLevel: oneOf('log-level', values['log-level'] ?? io.env[environment.logLevel], logLevels) ?? 'info',
    logFormat: oneOf('log-format', values['log-format'], logFormats) ?? (io.stdout.isTTY ? 'pretty' : 'json'),
    env: io.env,
    signal: io.signal,
  });
}
