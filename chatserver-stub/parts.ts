import { randomBytes } from 'node:crypto';
import { connectControl } from '../lib/control/index.ts';
import { getrlimitNofile } from '../lib/linux/index.ts';
import type { TierContext } from '../node/index.ts';
import { ChatListener } from './chat-listener.ts';
import { newCounters, type ChatCounters } from './counters.ts';
import { Hall } from './hall.ts';
import { reservedDescriptors } from './limits.ts';
import { Peers } from './peers/index.ts';

export interface ChatServerOptions {
  /** Push a small message to everybody logged in, this often (load for tests); default: never. */
  readonly pushIntervalMs?: number;
  /** Most connections; default: what the descriptor limit of the process allows. */
  readonly mostConnections?: number;
  /** Milliseconds since 1970; default: the machine's. */
  readonly wallClock?: () => number;
  /** Numbers from 0 up to 1, for the jitter of retries; default: Math.random. */
  readonly random?: () => number;
}

/** What a chat server is made of. */
export interface ChatParts {
  readonly hall: Hall;
  readonly peers: Peers;
  readonly listener: ChatListener;
  readonly counters: ChatCounters;
  /** Most connections. */
  readonly limit: number;
}

/** Descriptors assumed where the limit cannot be read. */
const usualOpenFiles = 1_024;
/** How long a peer may take to accept a control connection. */
const connectTimeoutMs = 3_000;

/** Makes the parts and joins them; the peers begin to connect, the listener does not listen yet. */
export function chatParts(context: TierContext, options: ChatServerOptions): ChatParts {
  const { topology, node, key, control, log, clock } = context;
  const { wallClock = Date.now, random = Math.random, mostConnections } = options;
  const counters = newCounters();
  const incarnation = randomBytes(8).toString('hex');
  const openFiles = getrlimitNofile()?.soft ?? usualOpenFiles;
  const limit =
    mostConnections ?? Math.max(1, Math.min(openFiles, Number.MAX_SAFE_INTEGER) - reservedDescriptors);

  // The hall and the peers know each other: what happens in one is told to the other.
  const hall: Hall = new Hall({
    node,
    incarnation,
    clock,
    wallClock,
    newSession: () => randomBytes(16).toString('hex'),
    counters,
    peers: {
      publish: (event, settled) => peers.publish(event, settled),
      tell: (origin, event, settled) => peers.tell(origin, event, settled),
      whenMet: (met) => peers.whenMet(met),
    },
  });
  const peers: Peers = new Peers({
    node,
    incarnation,
    topology,
    control,
    connect: (peer, endpoint) =>
      connectControl({
        endpoint,
        expectedNode: peer,
        key,
        cluster: topology.cluster,
        node,
        timeoutMs: connectTimeoutMs,
        clock,
      }),
    delivery: hall,
    people: () => hall.localPeople(),
    clock,
    random,
    log,
    counters,
  });
  const listener = new ChatListener({
    limit,
    clock,
    counters,
    received: (message, connection) => hall.received(message, connection),
    ended: (connection) => hall.ended(connection),
    trouble: (error) => log.error({ err: error }, 'the listener for clients has trouble'),
  });
  return { hall, peers, listener, counters, limit };
}
