import { isRunning, onExit } from '../process-groups.ts';
import {
  outputOf,
  runProgram,
  startProgram,
  type Output,
  type Program,
  type ProgramOptions,
  type RunOptions,
  type Teardown,
} from '../processes.ts';
import { bridgeHost, namespaceName, staleNamespaces } from './names.ts';
import { listNamespaces, removeNamespaces } from './namespaces.ts';
import { addressCommand, bridgeCommands, bridgePort, hostCommands, namespaceCommands } from './plan.ts';

export interface LabSpec {
  /**
   * The addresses of each host, IPv4 and IPv6, all in one layer-2 network. Without a prefix length an address is of
   * a /16 (IPv6: /64): `{ client: ['10.77.0.10', 'fd77::10'], b1: ['10.77.1.1'] }`.
   */
  readonly hosts: Readonly<Record<string, readonly string[]>>;
  /** Set on every host: `{ 'net.ipv4.ip_local_port_range': '1024 65535' }`. */
  readonly sysctls?: Readonly<Record<string, string>>;
}

/** Hosts made of network namespaces. Each has its own loopback, ports and sysctls; files and processes are shared. */
export interface Lab {
  readonly hosts: readonly string[];
  /** Name of the host's network namespace, for `ip -n`. */
  namespace(host: string): string;
  /** Runs a program on a host to its end; any exit code resolves. */
  exec(host: string, argv: readonly string[], options?: RunOptions): Promise<Output>;
  /** Starts a program on a host; its pid is the program's own. Ended in the teardown at the latest. */
  spawn(host: string, argv: readonly string[], options?: ProgramOptions): Promise<Program>;
  addAddress(host: string, address: string): Promise<void>;
  removeAddress(host: string, address: string): Promise<void>;
  sysctl(host: string, key: string, value: string): Promise<void>;
  /** Silently drops everything to and from the host; its own link stays up, so that only silence tells. */
  cutOff(host: string): Promise<void>;
  /** Ends `cutOff`. */
  heal(host: string): Promise<void>;
  /** Takes the host's cable out: unlike `cutOff` the host sees that its carrier is gone. */
  unplug(host: string): Promise<void>;
  plug(host: string): Promise<void>;
  /** Kills every process on the hosts and removes them. Idempotent. */
  close(): Promise<void>;
}

let labs = 0;

/** Namespaces of the labs of this process that are not closed. */
const open = new Set<string>();
const removeOpen = (): void => removeNamespaces([...open]);

/**
 * Builds the hosts, and removes them in the teardown of `t` or when the process exits. Labs that killed test
 * processes left behind are removed first. Ask `probeLab` before.
 */
export async function createLab(t: Teardown, { hosts: addresses, sysctls = {} }: LabSpec): Promise<Lab> {
  removeNamespaces(staleNamespaces(listNamespaces(), isRunning));
  const number = ++labs;
  const hosts = Object.keys(addresses);
  const namespace = (host: string): string => namespaceName({ pid: process.pid, number, host });
  const known = (host: string): string => {
    if (!hosts.includes(host)) throw new Error(`no host ${host} in this lab, only ${hosts.join(', ')}`);
    return namespace(host);
  };
  const all = [...hosts, bridgeHost].map(namespace);
  if (new Set(all).size !== all.length) throw new Error(`${bridgeHost} is the bridge's name, not a host's`);

  // From here on something may exist: the way to remove it comes first.
  onExit(removeOpen);
  for (const name of all) open.add(name);
  const close = async (): Promise<void> => {
    removeNamespaces(all);
    for (const name of all) open.delete(name);
  };
  t.teardown(close);

  const onBridge = (...commands: string[]): Promise<void> => batch(namespace(bridgeHost), commands);
  const port = (host: string): string => {
    known(host);
    return bridgePort(hosts.indexOf(host));
  };
  const setPortState = async (host: string, state: 'disabled' | 'forwarding'): Promise<void> => {
    // `ip link set … type bridge_slave state` is accepted and leaves the port forwarding.
    const dev = ['link', 'set', 'dev', port(host), 'state', state];
    await outputOf(['bridge', '-n', namespace(bridgeHost), ...dev]);
  };
  const inside = (host: string, argv: readonly string[]): string[] => {
    return ['ip', 'netns', 'exec', known(host), ...argv];
  };
  const sysctl = async (host: string, key: string, value: string): Promise<void> => {
    const file = `/proc/sys/${key.replaceAll('.', '/')}`;
    await outputOf(inside(host, ['sh', '-c', 'printf %s "$2" > "$1"', 'sysctl', file, value]));
  };

  await batch(undefined, namespaceCommands(hosts, namespace));
  await onBridge(...bridgeCommands(hosts, namespace));
  // A switch knows no firewall; passing every packet by it costs a twentieth of what the hosts do.
  const noFirewall =
    'for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e "$f" ] || echo 0 > "$f"; done';
  await outputOf(['ip', 'netns', 'exec', namespace(bridgeHost), 'sh', '-c', noFirewall]);
  await Promise.all(
    hosts.map(async (host) => {
      await batch(namespace(host), hostCommands(addresses[host]!));
      for (const [key, value] of Object.entries(sysctls)) await sysctl(host, key, value);
    }),
  );

  return {
    hosts,
    namespace: known,
    sysctl,
    exec: (host, argv, options) => runProgram(inside(host, argv), options),
    spawn: (host, argv, options) => startProgram(t, inside(host, argv), options),
    addAddress: (host, address) => batch(known(host), [addressCommand('add', address)]),
    removeAddress: (host, address) => batch(known(host), [addressCommand('del', address)]),
    cutOff: (host) => setPortState(host, 'disabled'),
    heal: (host) => setPortState(host, 'forwarding'),
    unplug: (host) => onBridge(`link set ${port(host)} down`),
    plug: (host) => onBridge(`link set ${port(host)} up`),
    close,
  };
}

async function batch(namespace: string | undefined, commands: readonly string[]): Promise<void> {
  const where = namespace === undefined ? [] : ['-n', namespace];
  await outputOf(['ip', ...where, '-batch', '-'], { input: `${commands.join('\n')}\n` });
}
