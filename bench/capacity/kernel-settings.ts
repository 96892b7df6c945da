/** What the kernel is told before a run: limits of its own, and those of each host. */
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { onExit } from '../../test/process-groups.ts';
import { ephemeralPorts, type Plan } from './plan.ts';

const socketsBefore = sockets();
export const socketsNegligible = 1_000;
/** What connections may take to end when their clients have. */
export const endingMs = 30_000;

/** Of every host. Accept queues are as long as a storm needs. */
export const hostSettings: Readonly<Record<string, string>> = {
  'net.core.somaxconn': '16384',
  'net.ipv4.tcp_max_syn_backlog': '16384',
  'net.ipv4.ip_local_port_range': `${ephemeralPorts.first} ${ephemeralPorts.last}`,
};

/** Of the machine: all hosts share these, and none less than what is set already is set. The kernel has some of them only with a module. */
const machineLeast: Readonly<Record<string, number>> = {
  // Sockets are files, and there are four per connection.
  'fs.file-max': 8_000_000,
  // Packets that wait for a host, of all hosts on a processor: a push comes all at once.
  'net.core.netdev_max_backlog': 262_144,
  // A neighbour is an address on a host.
  'net.ipv4.neigh.default.gc_thresh1': 4_096,
  'net.ipv4.neigh.default.gc_thresh2': 8_192,
  'net.ipv4.neigh.default.gc_thresh3': 16_384,
  // A director that translates addresses tracks every connection; one that ended is kept for a while.
  'net.netfilter.nf_conntrack_max': 2_000_000,
};
/**
 * Each host has a table of established connections of its own, as a machine would: one for all would be walked in chains of
 * sockets of other hosts. What a namespace gets is decided when it is made.
 */
const tableSetting = 'net.ipv4.tcp_child_ehash_entries';

/**
 * Raises what the machine has. Call it before the process enters namespaces of its own, from which the machine's settings of the
 * network cannot be seen; they are as they were when the process has ended. Throws when the kernel does not take one: a run without it
 * measures something else.
 */
export function raiseMachineSettings(): void {
  const undo: (() => void)[] = [];
  onExit(() => undo.splice(0).forEach((run) => run()));
  for (const [name, least] of Object.entries(machineLeast)) {
    if (existsSync(fileOf(name))) raise(fileOf(name), least, undo);
  }
}

/** Runs `make`, which makes namespaces, each with a table for the established connections of this plan. */
export async function withHostTables<Made>(
  { balancerLimit }: Plan,
  make: () => Promise<Made>,
): Promise<Made> {
  const undo: (() => void)[] = [];
  const restore = (): void => undo.splice(0).forEach((run) => run());
  onExit(restore);
  const file = fileOf(tableSetting);
  // Older kernels have one table for all.
  if (existsSync(file)) raise(file, 2 ** Math.ceil(Math.log2(2 * balancerLimit)), undo);
  try {
    return await make();
  } finally {
    restore();
  }
}

/** TCP sockets of all hosts, those without a process too. */
function sockets(): number {
  return Number(/^TCP:.* alloc (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))?.[1]);
}

/**
 * Waits until there are no more TCP sockets than before a run, or it takes too long; returns how many there are. Connections end
 * by themselves when their clients have ended, while the hosts between are there; without links the kernel keeps them for minutes.
 */
export async function socketsGone(mostMs: number): Promise<number> {
  const end = performance.now() + mostMs;
  while (sockets() > socketsBefore + socketsNegligible && performance.now() < end) await sleep(100);
  return sockets() - socketsBefore;
}

function fileOf(name: string): string {
  return `/proc/sys/${name.replaceAll('.', '/')}`;
}

/** The file stays open: later it may not be found any more. */
function raise(file: string, least: number, undo: (() => void)[]): void {
  const was = readFileSync(file, 'utf8').trim();
  if (Number(was) >= least) return;
  const fd = openSync(file, 'w');
  writeSync(fd, `${least}`, 0);
  undo.push(() => {
    writeSync(fd, was, 0);
    closeSync(fd);
  });
}
