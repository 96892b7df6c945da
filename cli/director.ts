import { detachDirector, startDirector } from '../director/index.ts';
import { HeadgateError } from '../lib/errors/index.ts';
import { environment } from '../node/index.ts';
import { findSelf, loadFrom, ownAddresses } from '../topology/index.ts';
import { exitCodes, type Command, type CommandIo } from './command.ts';
import { nodeOptionsHelp, nodeSignalsHelp, runNodeCommand } from './node-options.ts';
import { parseOptions, usageError } from './options.ts';
import { directorRuns } from './running-director.ts';

export const directorCommand: Command = {
  help: `Usage: headgate director --topology FILE [--node NAME]
       headgate director --detach --topology FILE [--node NAME]

Runs one director of the topology in the foreground until it is told to end. What it forwards in the kernel (dr, tun,
nat) goes on when it has ended, and the next start takes it over.

  --detach            end that too: take the program off its interface, and tables and flows away. Connections
                      forwarded so end; refused while the director runs

${nodeOptionsHelp}

${nodeSignalsHelp}

Example: headgate director --topology /etc/headgate/topology.yaml --node d1`,
  run: (args, io) =>
    args.includes('--detach') ? detach(args, io) : runNodeCommand('director', startDirector, args, io),
};

async function detach(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(args, {
    detach: { type: 'boolean' },
    topology: { type: 'string' },
    node: { type: 'string' },
  });
  if (positionals.length > 0) throw usageError(`unexpected argument ${positionals[0]}`);
  const file = values.topology ?? io.env[environment.topology];
  if (file === undefined)
    throw usageError('which topology?', 'give --topology FILE or set HEADGATE_TOPOLOGY');
  const { topology } = await loadFrom(file, io.env);
  const director = findSelf(topology, 'director', ownAddresses(), values.node);
  if (await directorRuns(file, topology, director, io.env))
    throw new HeadgateError(
      'HEADGATE_CLI_DIRECTOR_RUNS',
      `director ${director.name} runs, and what it forwards would end`,
      { cure: `stop ${director.name} first` },
    );
  const removed = detachDirector(io.env, topology, director);
  io.out(
    removed
      ? `director ${director.name}: the program, its tables and its flows are gone`
      : `director ${director.name}: there is nothing to remove`,
  );
  return exitCodes.done;
}
