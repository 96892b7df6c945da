/** The effective topology, every default written out, as a topology file. */
import { isAbsolute, relative } from 'node:path';
import { stringify } from 'yaml';
import { formatEndpoint } from '../lib/address/index.ts';
import type {
  Balancer,
  ChatServer,
  Director,
  FlowSettings,
  Probe,
  SecretSource,
  Service,
  Topology,
} from './types.ts';
import { formatDuration, formatMoment, formatSize } from './units.ts';

/**
 * YAML text that loads as the same topology. No byte of the secret is in it, only where the secret is: relative to
 * `directory` when it is inside.
 */
export function showTopology(topology: Topology, directory?: string): string {
  const { heartbeat } = topology;
  const shown = {
    version: topology.version,
    cluster: topology.cluster,
    secret: secretSource(topology.secret, directory),
    hashKey: topology.hashKey,
    heartbeat: {
      interval: formatDuration(heartbeat.intervalMs),
      misses: heartbeat.misses,
      rises: heartbeat.rises,
      deadAfter: formatDuration(heartbeat.deadAfterMs),
    },
    flows: flows(topology.flows),
    grace: formatDuration(topology.graceMs),
    services: byName(topology.services, service),
    directors: byName(topology.directors, director),
    balancers: byName(topology.balancers, balancer),
    chatservers: byName(topology.chatservers, chatserver),
  };
  return stringify(shown, { lineWidth: 0, aliasDuplicateObjects: false });
}

function byName<Entry extends { readonly name: string }>(
  entries: readonly Entry[],
  show: (entry: Entry) => unknown,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(entries.map((entry) => [entry.name, show(entry)]));
}

function secretSource(source: SecretSource, directory: string | undefined): SecretSource {
  if (!('file' in source) || directory === undefined) return source;
  const inside = relative(directory, source.file);
  return inside.startsWith('..') || isAbsolute(inside) ? source : { file: `./${inside}` };
}

function flows({ capacity, unconfirmed, idleMs, onFull, resetsPerSecond }: FlowSettings): unknown {
  return { capacity, unconfirmed, idle: formatDuration(idleMs), onFull, resetsPerSecond };
}

function director(node: Director): unknown {
  return {
    host: node.host,
    ...(node.interface === undefined ? {} : { interface: node.interface }),
    control: node.controlPort,
  };
}

function service(entry: Service): unknown {
  return {
    listen: formatEndpoint(entry.listen),
    forwarding: entry.forwarding,
    balancing: {
      algorithm: entry.balancing.algorithm,
      slowStart: formatDuration(entry.balancing.slowStartMs),
      queue: {
        size: entry.balancing.queue.size,
        timeout: formatDuration(entry.balancing.queue.timeoutMs),
      },
      onDown: entry.balancing.onDown,
    },
    balancers: entry.balancers,
    chatservers: entry.chatservers,
    proxyProtocol: entry.proxyProtocol,
    timeouts: {
      connect: formatDuration(entry.connectTimeoutMs),
      keepalive: formatDuration(entry.keepaliveMs),
      user: formatDuration(entry.userTimeoutMs),
    },
    buffer: formatSize(entry.bufferBytes),
  };
}

function balancer(node: Balancer): unknown {
  return {
    host: node.host,
    ...(Object.keys(node.ports).length === 0 ? {} : { ports: node.ports }),
    control: node.controlPort,
    weight: node.weight,
    state: node.state,
    ...drainEnd(node),
    heartbeat: probe(node.probe),
    ...(node.workers === undefined ? {} : { workers: node.workers }),
    ...(node.maxConnections === undefined ? {} : { maxConnections: node.maxConnections }),
    engine: node.engine,
    ...(node.sources.length === 0 ? {} : { sources: node.sources }),
  };
}

function chatserver(node: ChatServer): unknown {
  return {
    address: formatEndpoint(node.address),
    control: node.controlPort,
    weight: node.weight,
    state: node.state,
    ...drainEnd(node),
    heartbeat: probe(node.probe),
    ...(node.maxConnections === undefined ? {} : { maxConnections: node.maxConnections }),
    backup: node.backup,
  };
}

function drainEnd({ drainUntilMs }: Balancer | ChatServer): { readonly drainUntil?: string } {
  return drainUntilMs === undefined ? {} : { drainUntil: formatMoment(drainUntilMs) };
}

function probe({ kind, ...rest }: Probe): unknown {
  return { probe: kind, ...rest };
}
