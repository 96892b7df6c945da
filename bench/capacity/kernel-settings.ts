/** What the kernel is told before a run: limits of its own, and those of each host. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { onExit } from '../../test/process-groups.ts';
import type { Teardown } from '../../test/processes.ts';
import { ephemeralPorts, type Plan } from './plan.ts';

/** Of every host. Accept queues are as long as a storm needs. */
export const hostSettings: Readonly<Record<string, string>> = {
  'net.core.somaxconn': '16384',
  'net.ipv4.tcp_max_syn_backlog': '16384',
  'net.ipv4.ip_local_port_range': `${ephemeralPorts.first} ${ephemeralPorts.last}`,
};

/** Of the machine: all hosts share these, and none less than what is set already is set. */
const machineLeast: Readonly<Record<string, number>> = {
  // Sockets are files, and there are four per connection.
  'fs.file-max': 8_000_000,
  // Packets that wait for a host, of all hosts on a processor: a push comes all at once.
  'net.core.netdev_max_backlog': 262_144,
  // A neighbour is an address on a host.
  'net.ipv4.neigh.default.gc_thresh1': 4_096,
  'net.ipv4.neigh.default.gc_thresh2': 8_192,
  'net.ipv4.neigh.default.gc_thresh3': 16_384,
};
/**
 * Each host has a table of established connections of its own, as a machine would: one for all would be walked in chains of
 * sockets of other hosts. What a namespace gets is decided when it is made.
 */
const tableSetting = 'net.ipv4.tcp_child_ehash_entries';

/** Runs `make`, which makes namespaces, under the settings of a run. They are as they were at the end of the run. */
export async function withMachineSettings<Made>(
  t: Teardown,
  { balancerLimit }: Plan,
  make: () => Promise<Made>,
): Promise<Made> {
  const undo: (() => void)[] = [];
  const restore = (): void => undo.splice(0).forEach((run) => run());
  onExit(restore);
  t.teardown(restore);
  for (const [name, least] of Object.entries(machineLeast)) raise(name, least, undo);
  const undoTable: (() => void)[] = [];
  const restoreTable = (): void => undoTable.splice(0).forEach((run) => run());
  onExit(restoreTable);
  raiseOwn(tableSetting, 2 ** Math.ceil(Math.log2(2 * balancerLimit)), undoTable);
  try {
    return await make();
  } finally {
    restoreTable();
  }
}

/** Runs in the first network namespace, whose settings are the machine's; the bench may be in one of its own. */
function inFirst(...argv: readonly string[]): string {
  const args = ['--net=/proc/1/ns/net', ...argv];
  const { status, stdout, stderr } = spawnSync('nsenter', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`nsenter ${args.join(' ')}: ${stderr.trim()}`);
  return stdout.trim();
}

/** Throws when the kernel does not take a setting: a run without it measures something else. */
function raise(name: string, least: number, undo: (() => void)[]): void {
  const file = `/proc/sys/${name.replaceAll('.', '/')}`;
  const was = inFirst('cat', file);
  if (Number(was) >= least) return;
  const write = (value: string): string => inFirst('sh', '-c', 'printf %s "$2" > "$1"', 'set', file, value);
  write(`${least}`);
  undo.push(() => void write(was));
}

/** Of the namespace of the bench, which those of the hosts take it from. Older kernels do not know it. */
function raiseOwn(name: string, least: number, undo: (() => void)[]): void {
  const file = `/proc/sys/${name.replaceAll('.', '/')}`;
  if (!existsSync(file)) return;
  const was = readFileSync(file, 'utf8').trim();
  if (Number(was) >= least) return;
  writeFileSync(file, `${least}`);
  undo.push(() => writeFileSync(file, was));
}
