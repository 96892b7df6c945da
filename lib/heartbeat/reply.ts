import type { Json } from '../control/index.ts';
import type { HeartbeatReply, ServiceReadiness } from './types.ts';

/** Control request of a beat; its body names the asking node, its answer is a HeartbeatReply. */
export const heartbeatMethod = 'heartbeat';
/** One-way message in which a node tells its HeartbeatReply without being asked. */
export const announceMethod = 'heartbeat-state';

/** Most services of a reply. A topology has a handful; more would be no reply of ours. */
const mostServices = 1_024;
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
  const services = Object.create(null) as Record<string, { state: ServiceReadiness; connections: number }>;
  for (const [name, service] of entries) {
    if (name.length > longestText || !isRecord(service)) return undefined;
    const { state, connections: own } = service;
    if (!isReadiness(state) || !isCount(own)) return undefined;
    services[name] = { state, connections: own };
  }
  return { services, connections, topology };
}

/** The body of an answer or announcement. */
export function replyBody(reply: HeartbeatReply): Json {
  return { services: reply.services, connections: reply.connections, topology: reply.topology };
}

function isRecord(value: Json | undefined): value is Readonly<Record<string, Json>> {
  return value !== undefined && value !== null && typeof value === 'object' && !Array.isArray(value);
}

function isCount(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isReadiness(value: Json | undefined): value is ServiceReadiness {
  return readiness.has(value);
}
