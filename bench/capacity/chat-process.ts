/**
 * A chat server of the bench, with requests (remote.ts) on its standard input: `node chat-process.js SLOTS USERS --topology FILE
 * --node NAME`, a node of the topology like any other, or `… --address HOST:PORT --node NAME`, for what knows no topology.
 */
import { parseArgs } from 'node:util';
import { parseEndpoint, type Endpoint } from '../../lib/address/index.ts';
import { createResponder } from '../../lib/heartbeat/index.ts';
import { runNode, type StartTier } from '../../node/index.ts';
import { ChatRoom, type ChatRoomCounts } from '../traffic/chat-room.ts';
import { serve } from './remote.ts';

export interface ChatRequests extends Record<string, (...args: never[]) => unknown> {
  push: (seq: number, sentUs: number) => number;
  counts: () => ChatRoomCounts;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    topology: { type: 'string', default: '' },
    node: { type: 'string', default: '' },
    address: { type: 'string' },
  },
});
const [slots = 0, users = 0] = positionals.map(Number);

function startRoom(name: string, endpoint: Endpoint): ChatRoom {
  const room = new ChatRoom({ endpoint, name, slots, users });
  const handlers: ChatRequests = {
    push: (seq, sentUs) => room.push(seq, sentUs),
    counts: () => room.counts,
  };
  serve(handlers);
  return room;
}

const start: StartTier = (context) => {
  const { node, control, clock } = context;
  let { topology } = context;
  const { address } = topology.chatservers.find(({ name }) => name === node)!;
  const room = startRoom(node, address);
  const responder = createResponder({
    server: control,
    clock,
    intervalMs: () => topology.heartbeat.intervalMs,
    reply() {
      const { connections } = room.counts;
      const state = connections < slots ? 'serving' : 'full';
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
      limit: slots,
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

if (values.address === undefined) {
  const common = { tier: 'chatserver', start, logLevel: 'info', logFormat: 'json', graceMs: 0 } as const;
  const code = await runNode({ ...common, file: values.topology, name: values.node, env: process.env });
  process.exit(code);
} else {
  const endpoint = parseEndpoint(values.address);
  if (endpoint === undefined) throw new Error(`${values.address} is no address with a port`);
  startRoom(values.node, endpoint);
  console.log('ready');
}
