import type { HeartbeatReply, ServiceReadiness } from '../lib/heartbeat/index.ts';
import type { Topology } from '../topology/index.ts';

/** What a chat server knows of itself. */
export interface ChatServerState {
  readonly node: string;
  readonly connections: number;
  readonly isFull: boolean;
  /** Takes nothing new any more, whatever the topology says. */
  readonly draining: boolean;
}

/** Names of the services that use this chat server. */
export function servicesOf(topology: Topology, node: string): string[] {
  return topology.services.filter(({ chatservers }) => chatservers.includes(node)).map(({ name }) => name);
}

/** Whether the topology asks this chat server to drain: its state says so, or it was removed. */
export function drainsByTopology(topology: Topology, node: string): boolean {
  return topology.chatservers.find(({ name }) => name === node)?.state !== 'active';
}

/** The answer to a heartbeat. All services share the listener, so each has the same state and connections. */
export function heartbeatReply(
  topology: Topology,
  services: readonly string[],
  { node, connections, isFull, draining }: ChatServerState,
): HeartbeatReply {
  let state: ServiceReadiness = 'serving';
  if (draining || drainsByTopology(topology, node)) state = 'draining';
  else if (isFull) state = 'full';
  return {
    services: Object.fromEntries(services.map((service) => [service, { state, connections }])),
    connections,
    topology: topology.hash,
  };
}
