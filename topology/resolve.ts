/** From the file's shape to the Topology: relations between entries, and defaults that depend on others. */
import { createHash } from 'node:crypto';
import { dirname, normalize, resolve as resolvePath } from 'node:path';
import { isEtcdAddress } from '../lib/etcd/index.ts';
import { contentHash } from './hash.ts';
import type { TopologyFile } from './schema/index.ts';
import type { Balancer, ChatServer, Director, Probe, SecretSource, Service, Topology } from './types.ts';

type FileService = TopologyFile['services'][string];
type FileBalancer = TopologyFile['balancers'][string];
type FileProbe = FileBalancer['heartbeat'];

/** 32 hexadecimal digits that every host derives alike from the cluster's name. */
export function defaultHashKey(cluster: string): string {
  return createHash('sha256').update(`headgate hash key v1\0${cluster}`).digest('hex').slice(0, 32);
}

/** The Topology of a file that passed every check. `fileName` gives relative paths their place. */
export function resolveTopology(file: TopologyFile, fileName: string): Topology {
  const services = Object.entries(file.services).map(([name, entry]) => service(name, entry, file));
  const meaning = {
    version: 1,
    cluster: file.cluster,
    hashKey: (file.hashKey ?? defaultHashKey(file.cluster)).toLowerCase(),
    heartbeat: {
      intervalMs: file.heartbeat.interval,
      misses: file.heartbeat.misses,
      rises: file.heartbeat.rises,
      deadAfterMs: file.heartbeat.deadAfter,
    },
    flows: {
      capacity: file.flows.capacity,
      unconfirmed: file.flows.unconfirmed,
      idleMs: file.flows.idle,
      onFull: file.flows.onFull,
      resetsPerSecond: file.flows.resetsPerSecond,
    },
    graceMs: file.grace,
    services,
    directors: Object.entries(file.directors).map(([name, entry]): Director => ({
      name,
      host: entry.host,
      interface: entry.interface,
      controlPort: entry.control,
    })),
    balancers: Object.entries(file.balancers).map(([name, entry]) => balancer(name, entry, services)),
    chatservers: Object.entries(file.chatservers).map(
      ([
        name,
        { address, control, weight, state, drainUntil, heartbeat, maxConnections, backup },
      ]): ChatServer => ({
        name,
        address,
        controlPort: control,
        weight,
        state,
        ...drainEnd(drainUntil),
        probe: probe(heartbeat),
        maxConnections,
        backup,
      }),
    ),
  } as const;
  return deepFreeze({
    ...meaning,
    secret: secret(file.secret, fileName),
    secretAsWritten: secretAsWritten(file.secret),
    hashKeyIsDefault: file.hashKey === undefined,
    hash: contentHash(meaning),
  });
}

function service(name: string, entry: FileService, file: TopologyFile): Service {
  return {
    name,
    listen: entry.listen,
    forwarding: entry.forwarding,
    balancing: {
      algorithm: entry.balancing.algorithm,
      slowStartMs: entry.balancing.slowStart,
      queue: { size: entry.balancing.queue.size, timeoutMs: entry.balancing.queue.timeout },
      onDown: entry.balancing.onDown,
    },
    balancers: entry.balancers ?? Object.keys(file.balancers),
    chatservers: entry.chatservers ?? Object.keys(file.chatservers),
    proxyProtocol: entry.proxyProtocol,
    connectTimeoutMs: entry.timeouts.connect,
    keepaliveMs: entry.timeouts.keepalive,
    userTimeoutMs: entry.timeouts.user,
    bufferBytes: entry.buffer,
  };
}

function balancer(name: string, entry: FileBalancer, services: readonly Service[]): Balancer {
  const served = services.filter(({ balancers }) => balancers.includes(name));
  return {
    name,
    host: entry.host,
    controlPort: entry.control,
    ports: Object.fromEntries(
      served.map((its) => [its.name, entry.port ?? entry.ports?.[its.name] ?? its.listen.port]),
    ),
    weight: entry.weight,
    state: entry.state,
    ...drainEnd(entry.drainUntil),
    probe: probe(entry.heartbeat),
    workers: entry.workers,
    maxConnections: entry.maxConnections,
    engine: entry.engine,
    sources: entry.sources ?? [],
  };
}

function drainEnd(drainUntilMs: number | undefined): { readonly drainUntilMs?: number } {
  return drainUntilMs === undefined ? {} : { drainUntilMs };
}

function probe({ probe: kind, port, send, expect }: FileProbe): Probe {
  if (kind !== 'tcp') return { kind };
  return {
    kind,
    ...(port === undefined ? {} : { port }),
    ...(send === undefined ? {} : { send }),
    ...(expect === undefined ? {} : { expect }),
  };
}

function secret({ file, env }: TopologyFile['secret'], fileName: string): SecretSource {
  if (env !== undefined) return { env };
  // Beside the topology file; a topology in etcd lies nowhere, so there it is the process's working directory.
  return { file: resolvePath(isEtcdAddress(fileName) ? '.' : dirname(fileName), file ?? '') };
}

function secretAsWritten({ file, env }: TopologyFile['secret']): SecretSource {
  return env === undefined ? { file: normalize(file ?? '') } : { env };
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
