/**
 * A chat server of the bench: `node chat-process.js SLOTS USERS --topology FILE --node NAME`, a node of the topology
 * like any other, with requests (remote.ts) on its standard input.
 */
import { parseArgs } from 'node:util';
import { createResponder } from '../../lib/heartbeat/index.ts';
import { runNode, type StartTier, type TierContext } from '../../node/index.ts';
import { ChatRoom, type ChatRoomCounts } from '../traffic/chat-room.ts';
import { serve } from './remote.ts';

export interface ChatRequests extends Record<string, (...args: never[]) => unknown> {
  push: (seq: number, sentUs: number) => number;
  counts: () => ChatRoomCounts;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { topology: { type: 'string', default: '' }, node: { type: 'string', default: '' } },
});
const [slots, users] = positionals.map(Number);

const start: StartTier = (context: TierContext) => {
  const { node, control, clock } = context;
  let { topology } = context;
  const entry = topology.chatservers.find(({ name }) => name === node)!;
  const room = new ChatRoom({ endpoint: entry.address, name: node, slots: slots!, users: users! });
  const handlers: ChatRequests = {
    push: (seq, sentUs) => room.push(seq, sentUs),
    counts: () => room.counts,
  };
  serve(handlers);
  const responder = createResponder({
    server: control,
    clock,
    intervalMs: () => topology.heartbeat.intervalMs,
    reply() {
      const { connections } = room.counts;
      const state = connections < slots! ? 'serving' : 'full';
      const services = topology.services.map(({ name }) => [name, { state, connections }] as const);
      return { services: Object.fromEntries(services), connections, topology: topology.hash };
    },
  });
  return Promise.resolve({
    apply: (changed) => Promise.resolve(void (topology = changed)),
    status: () => ({
      draining: false,
      connections: room.counts.connections,
      accepted: room.counts.accepted,
      newPerSecond: 0,
      limit: slots!,
      counters: { ...room.counts },
      watches: [],
    }),
    drain: () => Promise.resolve(),
    close() {
      responder.close();
      room.close();
      return Promise.resolve();
    },
  });
};

process.exitCode = await runNode({
  tier: 'chatserver',
  start,
  file: values.topology,
  name: values.node,
  logLevel: 'info',
  logFormat: 'json',
  graceMs: 0,
  env: process.env,
});
process.exit();
