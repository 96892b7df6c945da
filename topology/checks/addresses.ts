/**
 * Addresses and ports that two listeners would fight for.
 *
 * Who listens where: every director on every VIP and its control port; a balancer on one port per service and its
 * control port; a chat server on its address and its control port. A control port exists only where headgate's own
 * heartbeat is spoken: two foreign chat servers on one machine do not clash on 7400.
 *
 * Two addresses are on one machine when they are equal or both loopback. A wildcard VIP takes its port of all
 * addresses of the directors' machines and of no other: a balancer on its own machine may use that port.
 */
import { addressKind, formatEndpoint, type Endpoint } from '../../lib/address/index.ts';
import { mismatch, type Finding, type Path } from '../problem.ts';
import type { CheckedFile } from './index.ts';

interface Listener extends Endpoint {
  readonly path: Path;
  /** `services.chat.listen`: what the message calls it. */
  readonly what: string;
}

export function addressConflicts(checked: CheckedFile): readonly Finding[] {
  const listeners = listenersOf(checked);
  const onDirectors = directorMachines(checked);
  const usedPorts = portsByHost(listeners);
  const taken = new Map<string, Listener>();
  const wildcards = new Map<number, Listener>();
  const findings: Finding[] = [];
  for (const listener of listeners) {
    const isWildcard = addressKind(listener.host) === 'wildcard';
    // Wildcards are VIPs and come first, so only VIPs can meet a wildcard that follows them.
    const wildcard = wildcards.get(listener.port);
    let rival = taken.get(formatEndpoint(listener));
    if (wildcard !== undefined && (isWildcard || onDirectors(listener))) rival ??= wildcard;
    if (isWildcard) {
      rival ??= [...taken.values()].find((other) => other.port === listener.port && onDirectors(other));
    }
    if (rival === undefined) {
      taken.set(formatEndpoint(listener), listener);
      if (isWildcard) wildcards.set(listener.port, listener);
    } else {
      findings.push(conflict(listener, rival, usedPorts.get(listener.host) ?? new Set()));
    }
  }
  return [...findings, ...sameMachineDirectors(checked)];
}

function conflict(listener: Listener, rival: Listener, used: Set<number>): Finding {
  const { path } = listener;
  const other = rival.host === listener.host ? '' : ` as ${formatEndpoint(rival)}`;
  const got = `${formatEndpoint(listener)}, which ${rival.what} has${other}`;
  let free = listener.port;
  while (used.has(free) && free < 65_535) free++;
  let meant: string | undefined;
  if (path[0] !== 'services' && !used.has(free)) {
    // The next conflict on this machine is told another port.
    used.add(free);
    const key = String(path.at(-1));
    if (key === 'address') meant = `port ${free}`;
    else meant = path.includes('ports') ? `ports: { ${key}: ${free} }` : `${key}: ${free}`;
  }
  const message = mismatch('an address and port that nothing else on the machine listens on', got, meant);
  return { code: 'HEADGATE_TOPOLOGY_ADDRESS_CONFLICT', path, at: 'value', message };
}

/** Whether something is known to listen on a machine that runs a director. Every VIP does. */
function directorMachines({ file }: CheckedFile): (listener: Listener) => boolean {
  const hosts = new Set(Object.values(file.directors).map(({ host }) => host));
  const anyLoopback = [...hosts].some((host) => addressKind(host) === 'loopback');
  return ({ path, host }) =>
    path[0] === 'services' || hosts.has(host) || (anyLoopback && addressKind(host) === 'loopback');
}

function portsByHost(listeners: readonly Listener[]): ReadonlyMap<string, Set<number>> {
  const ports = new Map<string, Set<number>>();
  for (const { host, port } of listeners) {
    const used = ports.get(host);
    if (used === undefined) ports.set(host, new Set([port]));
    else used.add(port);
  }
  return ports;
}

/** In the order in which the file usually has them, so that the later one is the one reported. */
function listenersOf({ file }: CheckedFile): readonly Listener[] {
  const listeners: Listener[] = [];
  const add = (path: Path, { host, port }: Endpoint): void => {
    const what = path.map(String).join('.');
    listeners.push({ path, what, host, port });
  };
  const control = (tier: string, name: string, host: string, port: number): void => {
    add([tier, name, 'control'], { host, port });
  };
  const services = Object.entries(file.services);
  for (const [name, { listen }] of services) add(['services', name, 'listen'], listen);
  for (const [name, { host, control: port }] of Object.entries(file.directors)) {
    control('directors', name, host, port);
  }
  for (const [name, entry] of Object.entries(file.balancers)) {
    const served = services.filter(([, { balancers }]) => balancers?.includes(name) ?? true);
    for (const [service, { listen }] of served) {
      const port = entry.port ?? entry.ports?.[service] ?? listen.port;
      // `port` for several services is a mistake of its own.
      if (entry.port !== undefined && served.length > 1) continue;
      const key = served.length === 1 && entry.ports === undefined ? ['port'] : ['ports', service];
      add(['balancers', name, ...key], { host: entry.host, port });
    }
    if (entry.heartbeat.probe === 'headgate') control('balancers', name, entry.host, entry.control);
  }
  for (const [name, entry] of Object.entries(file.chatservers)) {
    add(['chatservers', name, 'address'], entry.address);
    if (entry.heartbeat.probe === 'headgate') {
      control('chatservers', name, entry.address.host, entry.control);
    }
  }
  return listeners;
}

/** Every director listens on every VIP, so one machine has room for one. */
function sameMachineDirectors({ file }: CheckedFile): readonly Finding[] {
  const seen = new Map<string, string>();
  const findings: Finding[] = [];
  for (const [name, { host }] of Object.entries(file.directors)) {
    // Every loopback address is the same machine.
    const machine = addressKind(host) === 'loopback' ? 'loopback' : host;
    const other = seen.get(machine);
    if (other === undefined) seen.set(machine, name);
    else {
      const message = mismatch(
        'one director per machine',
        `${host}, where ${other} listens on the same VIPs`,
      );
      const path = ['directors', name, 'host'];
      findings.push({ code: 'HEADGATE_TOPOLOGY_ADDRESS_CONFLICT', path, at: 'value', message });
    }
  }
  return findings;
}
