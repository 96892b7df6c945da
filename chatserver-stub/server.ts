import { every, type Timer } from '../lib/clock/index.ts';
import { formatEndpoint } from '../lib/address/index.ts';
import { HeadgateError } from '../lib/errors/index.ts';
import { createResponder, type Responder } from '../lib/heartbeat/index.ts';
import {
  RateMeter,
  type StartTier,
  type TierContext,
  type TierNode,
  type TierStatus,
} from '../node/index.ts';
import type { ChatServer as ChatServerEntry, Topology } from '../topology/index.ts';
import { encodeLine } from './line-codec.ts';
import { chatParts, type ChatParts, type ChatServerOptions } from './parts.ts';
import { drainsByTopology, heartbeatReply, servicesOf } from './readiness.ts';

/** A running chat server, with what tests ask beyond a TierNode. */
export interface ChatServerNode extends TierNode {
  /** Port it listens on for clients: as in the topology, unless that is 0. */
  readonly port: number;
}

/** How often the rate of new connections is measured. */
const rateSampleMs = 1_000;
/** Beats within which the balancers are expected to have heard that we drain. */
const beatsToBeTold = 3;

/** How to start a chat server. The result throws HEADGATE_CHAT_LISTEN and HEADGATE_CHAT_NOT_IN_TOPOLOGY. */
export function createStartChatServer(
  options: ChatServerOptions = {},
): (context: TierContext) => Promise<ChatServerNode> {
  return async (context) => {
    const { topology, node, log } = context;
    const entry = topology.chatservers.find(({ name }) => name === node);
    if (entry === undefined) {
      throw new HeadgateError('HEADGATE_CHAT_NOT_IN_TOPOLOGY', `the topology has no chat server ${node}`);
    }
    const server = new ChatServer(context, options);
    await server.listen(entry);
    const { address } = entry;
    log.info(
      { address: formatEndpoint({ ...address, port: server.port }), limit: server.limit },
      'chat server listens',
    );
    return server;
  };
}

/** Starts a chat server as the topology describes it. */
export const startChatServer: StartTier = createStartChatServer();

class ChatServer implements ChatServerNode {
  readonly #context: TierContext;
  readonly #parts: ChatParts;
  readonly #responder: Responder;
  readonly #rate: RateMeter;
  readonly #timers: Timer[] = [];
  #topology: Topology;
  /** Kept when the node is removed from the topology, so that its balancers still hear that it drains. */
  #services: readonly string[];
  #draining = false;
  #wasFull = false;
  #drained: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(context: TierContext, options: ChatServerOptions) {
    const { topology, node, control, clock, generations } = context;
    this.#context = context;
    this.#topology = topology;
    this.#services = servicesOf(topology, node);
    this.#parts = chatParts(context, options);
    this.#responder = createResponder({
      server: control,
      reply: () => this.#reply(),
      intervalMs: () => this.#topology.heartbeat.intervalMs,
      clock,
      ...(generations && { generations }),
    });
    this.#rate = new RateMeter(clock);
    this.#timers.push(every(clock, rateSampleMs, () => this.#look(), true));
    const { pushIntervalMs } = options;
    if (pushIntervalMs === undefined) return;
    let seq = 0;
    const push = (): void => this.#parts.hall.room.broadcast(encodeLine({ type: 'push', seq: ++seq }));
    this.#timers.push(every(clock, pushIntervalMs, push, true));
  }

  get port(): number {
    return this.#parts.listener.port;
  }

  get limit(): number {
    return this.#parts.limit;
  }

  async listen({ address }: ChatServerEntry): Promise<void> {
    try {
      await this.#parts.listener.listen(address);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  apply(topology: Topology): Promise<void> {
    const { node, log } = this.#context;
    const services = servicesOf(topology, node);
    if (topology.chatservers.some(({ name }) => name === node)) this.#services = services;
    if (!drainsByTopology(this.#topology, node) && drainsByTopology(topology, node)) {
      log.info('draining: the topology asks for it; those who are here stay');
    }
    this.#topology = topology;
    this.#parts.peers.apply(topology);
    this.#responder.announce();
    return Promise.resolve();
  }

  status(): TierStatus {
    const { listener, counters, limit } = this.#parts;
    return {
      draining: this.#draining || drainsByTopology(this.#topology, this.#context.node),
      connections: listener.connections,
      accepted: listener.accepted,
      newPerSecond: this.#rate.perSecond(listener.accepted),
      limit,
      counters: { ...counters },
      watches: [],
    };
  }

  drain(): Promise<void> {
    return (this.#drained ??= this.#drain());
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #drain(): Promise<void> {
    const { log } = this.#context;
    this.#draining = true;
    this.#responder.announce();
    log.info({ connections: this.#parts.listener.connections }, 'draining');
    await this.#responder.whenTold(beatsToBeTold * this.#topology.heartbeat.intervalMs);
    this.#parts.listener.stopListening();
    await this.#parts.listener.empty();
  }

  async #close(): Promise<void> {
    const { listener, hall, peers } = this.#parts;
    for (const timer of this.#timers) timer.cancel();
    // While the clients read their last line, the other chat servers hear who left.
    await listener.close();
    peers.close();
    hall.close();
    this.#responder.close();
  }

  #reply(): ReturnType<typeof heartbeatReply> {
    const { connections, isFull } = this.#parts.listener;
    return heartbeatReply(this.#topology, this.#services, {
      node: this.#context.node,
      connections,
      isFull,
      draining: this.#draining,
    });
  }

  /** Once a second. */
  #look(): void {
    const { listener } = this.#parts;
    this.#rate.sample(listener.accepted);
    if (listener.isFull === this.#wasFull) return;
    this.#wasFull = listener.isFull;
    if (listener.isFull) this.#context.log.warn({ limit: this.limit }, 'full: new clients are refused');
    this.#responder.announce();
  }
}
