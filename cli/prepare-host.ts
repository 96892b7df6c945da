import { join } from 'node:path';
import { hostOwner, hostWishes } from '../balancer/index.ts';
import { planHost, prepareHost, undoHost, type HostOptions } from '../lib/host-setup/index.ts';
import { BPFFS } from '../lib/linux/bpf/index.ts';
import { environment, runtimeDirectory } from '../node/index.ts';
import { findSelf, loadFrom, ownAddresses, type Topology } from '../topology/index.ts';
import { exitCodes, type Command, type CommandIo } from './command.ts';
import { parseOptions, usageError } from './options.ts';

const options = {
  topology: { type: 'string' },
  node: { type: 'string' },
  undo: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  pins: { type: 'string' },
} as const;

/** For hosts whose balancer is software of others; headgate's own balancer does the same at start. */
export const prepareHostCommand: Command = {
  help: `Usage: headgate prepare-host TOPOLOGY [--node NAME] [--undo] [--dry-run]

Puts the VIPs on the loopback of this host without telling the network, lets their packets in, and for
forwarding: tun unwraps them and lowers the MSS. headgate's own balancers do this themselves; run it on
hosts where nginx or HAProxy is the balancer, at boot and whenever the topology changes. Doing it twice is
harmless. What was there before is remembered, and only what was done is undone.

  --topology FILE     the topology, also as the only argument; default: $HEADGATE_TOPOLOGY
  --node NAME         which balancer of it this host is; default: the one with an address of this machine
  --undo              undo it, and what a balancer that was killed left behind
  --dry-run           say what would be done, and do nothing
  --pins DIR          where programs are kept on a bpf file system; default: headgate in $${environment.bpffs}, else in ${BPFFS}

Example: headgate prepare-host /etc/headgate/topology.yaml --dry-run`,
  async run(args, io) {
    const { values, positionals } = parseOptions(args, options);
    const file = fileOf(values.topology, positionals, io);
    const { topology } = await loadFrom(file, io.env);
    const self = () => findSelf(topology, 'balancer', ownAddresses(), values.node).name;
    // A balancer that was removed from the file meanwhile may have left something too.
    if (values.undo) return undo(topology, values.node ?? self(), values['dry-run'] ?? false, io);
    const name = self();
    return prepare(hostOptions(topology, name, values.pins, io), values['dry-run'] ?? false, name, io);
  },
};

function fileOf(option: string | undefined, positionals: readonly string[], { env }: CommandIo): string {
  if (positionals.length > 1) throw usageError(`unexpected argument ${positionals[1]}`);
  const file = option ?? positionals[0] ?? env[environment.topology];
  if (file === undefined || file === '')
    throw usageError('which topology?', 'give the file as an argument or set HEADGATE_TOPOLOGY');
  return file;
}

function hostOptions(
  topology: Topology,
  name: string,
  pins: string | undefined,
  { env }: CommandIo,
): HostOptions {
  const wishes = hostWishes(topology, name, new Set(ownAddresses()));
  if (wishes === undefined) throw usageError(`there is no balancer ${name}`);
  // A name on a bpf file system has no dots.
  const pin = `host-${topology.cluster}-${name}`.replaceAll('.', '_');
  return {
    ...wishes,
    owner: hostOwner('prepare-host', topology, name),
    stateDirectory: runtimeDirectory(env),
    pinDirectory: join(pins ?? join(env[environment.bpffs] ?? BPFFS, 'headgate'), pin),
  };
}

async function prepare(host: HostOptions, dryRun: boolean, name: string, io: CommandIo): Promise<number> {
  if (host.vips.length === 0) {
    io.out(`${name}: no service of it has forwarding: dr or tun`);
    // What was done when one had it; nothing of this host is needed for that.
    const { log } = await undoHost({ owners: [host.owner], stateDirectory: host.stateDirectory, dryRun });
    for (const step of log) io.out(step);
    return exitCodes.done;
  }
  const steps = dryRun ? planHost(host) : (await prepareHost(host)).takeLog();
  for (const step of steps) io.out(step);
  if (steps.length === 0) io.out(`${name}: nothing to do`);
  return exitCodes.done;
}

async function undo(topology: Topology, name: string, dryRun: boolean, io: CommandIo): Promise<number> {
  const owners = (['prepare-host', 'balancer'] as const).map((by) => hostOwner(by, topology, name));
  const { log, running } = await undoHost({ owners, stateDirectory: runtimeDirectory(io.env), dryRun });
  for (const { owner, pid } of running) io.err(`${owner} runs (pid ${pid}): what it did stays until it ends`);
  for (const step of log) io.out(step);
  if (log.length === 0) io.out(`${name}: nothing to undo`);
  return exitCodes.done;
}
