import type { Json } from '../control/index.ts';
import { ways, type HeartbeatReply, type ServiceReadiness, type ServiceReply, type Way } from './types.ts';

/** Control request of a beat; its body names the asking node, its answer is a HeartbeatReply. */
export const heartbeatMethod = 'heartbeat';
/** One-way message in which a node tells its HeartbeatReply without being asked. */
export const announceMethod = 'heartbeat-state';

/** Most services of a reply. A topology has a handful; more would be no reply of ours. */
const mostServices = 1_024;
/** Most ways of a service; there are five. */
const mostWays = 64;
/** Longest service name and topology hash, characters. */
const longestText = 256;

const readiness: ReadonlySet<unknown> = new Set<ServiceReadiness>([
  'serving',
  'draining',
  'full',
  'no-upstream',
]);

/** Reads the body of an answer; undefined when it is not a reply. Keeps nothing but the known fields. */
export function readReply(body: Json): HeartbeatReply | undefined {
  if (!isRecord(body) || !isRecord(body['services'])) return undefined;
  const { connections, topology } = body;
  if (!isCount(connections) || typeof topology !== 'string' || topology.length > longestText)
    return undefined;
  const entries = Object.entries(body['services']);
  if (entries.length > mostServices) return undefined;
  // Without a prototype, so that a service named __proto__ is a service like any other.
  const services = Object.create(null) as Record<string, ServiceReply>;
  for (const [name, service] of entries) {
    const read = name.length > longestText ? undefined : readService(service);
    if (read === undefined) return undefined;
    services[name] = read;
  }
  return { services, connections, topology };
}

function readService(service: Json): ServiceReply | undefined {
  if (!isRecord(service)) return undefined;
  const { state, connections, takes } = service;
  if (!isReadiness(state) || !isCount(connections)) return undefined;
  if (takes === undefined) return { state, connections };
  if (!isWayList(takes)) return undefined;
  // Ways of a newer version are none that this one could use.
  return { state, connections, takes: ways.filter((way) => takes.includes(way)) };
}

/** The body of an answer or announcement. */
export function replyBody(reply: HeartbeatReply): Json {
  const services = Object.entries(reply.services).map(([name, { state, connections, takes }]) => [
    name,
    takes === undefined ? { state, connections } : { state, connections, takes },
  ]);
  return {
    services: Object.fromEntries(services) as Json,
    connections: reply.connections,
    topology: reply.topology,
  };
}

function isRecord(value: Json | undefined): value is Readonly<Record<string, Json>> {
  return value !== undefined && value !== null && typeof value === 'object' && !Array.isArray(value);
}

function isCount(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isWayList(value: Json): value is readonly Way[] {
  return Array.isArray(value) && value.length <= mostWays && value.every((way) => typeof way === 'string');
}

function isReadiness(value: Json | undefined): value is ServiceReadiness {
  return readiness.has(value);
}
