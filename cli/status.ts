import { setTimeout as sleep } from 'node:timers/promises';
import { clusterStatusMethod, collectStatus, type ClusterStatus, environment } from '../node/index.ts';
import { askerName, askTimeoutMs, closeAll, connectLocalNodes, openTopology } from './cluster-access.ts';
import { exitCodes, type Command, type CommandIo } from './command.ts';
import { parseOptions, usageError } from './options.ts';
import { renderStatus } from './status-table.ts';

const refreshMs = 1_000;

/** Clears the screen and puts the cursor to its top left (ECMA-48 ED, CUP). */
const clearScreen = '\u001B[2J\u001B[H';

export const statusCommand: Command = {
  help: `Usage: headgate status [--watch] [--json] [--topology FILE]

Asks every node of the cluster and prints one table. Without --topology a node that runs on this machine is asked
to collect it (its admin socket admits only its own user); with it, every node is asked over the control channel.

  --watch           refresh every second until Ctrl-C
  --json            one JSON object per answer, for programs
  --topology FILE   the topology of the cluster; default: $HEADGATE_TOPOLOGY

Columns: STATE is what the tier in front thinks (up, down, unknown: not answered yet), with draining, full or
no upstream behind it; MISSES are unanswered heartbeats in a row; LIMIT is how many connections the node carries
at most; TOPOLOGY is the content hash the node runs. A * marks a hash that differs from the one of the side that
asked. Below the table: what carries the connections of a node, the mode of each service on directors that forward
packets, how full their flow tables are, and counters of what did not get through.

Exit codes: 0 at least one node answers, 1 none does.

Example: headgate status --watch`,
  async run(args, io) {
    const { values, positionals } = parseOptions(args, {
      watch: { type: 'boolean' },
      json: { type: 'boolean' },
      topology: { type: 'string' },
    });
    if (positionals.length > 0) throw usageError(`unexpected argument ${positionals[0]}`);
    const file = values.topology ?? io.env[environment.topology];
    if (!values.watch) {
      const status = await askCluster(file, io);
      print(status, values.json === true, io);
      return isSilent(status) ? exitCodes.failed : exitCodes.done;
    }
    while (!io.signal.aborted) {
      const status = await askCluster(file, io);
      if (io.stdout.isTTY && !values.json) io.out(`${clearScreen}${new Date().toLocaleTimeString()}`);
      print(status, values.json === true, io);
      await sleep(refreshMs, undefined, { signal: io.signal }).catch(() => undefined);
    }
    return exitCodes.done;
  },
};

/** Whether no node at all answers. */
function isSilent({ nodes }: ClusterStatus): boolean {
  return nodes.every(({ status }) => status === null);
}

function print(status: ClusterStatus, json: boolean, io: CommandIo): void {
  io.out(json ? JSON.stringify(status) : renderStatus(status));
}

async function askCluster(file: string | undefined, io: CommandIo): Promise<ClusterStatus> {
  if (file !== undefined) {
    const { topology, key } = await openTopology(file, io.env);
    return collectStatus(topology, key, askerName);
  }
  const nodes = await connectLocalNodes(io.env);
  try {
    // Any of them will do; the youngest has most likely the newest topology.
    const { connection } = nodes.at(-1)!;
    return (await connection.request(clusterStatusMethod, null, askTimeoutMs)) as unknown as ClusterStatus;
  } finally {
    closeAll(nodes);
  }
}
