import type { Logger } from 'pino';
import type { Endpoint } from '../../lib/address/index.ts';
import { every, type Clock, type Timer } from '../../lib/clock/index.ts';
import type { ControlPeer, ControlServer } from '../../lib/control/index.ts';
import { HeadgateError } from '../../lib/errors/index.ts';
import type { Topology } from '../../topology/index.ts';
import type { ChatCounters } from '../counters.ts';
import { Inbox, type Delivery } from './inbox.ts';
import type { Settled } from './outbox.ts';
import {
  eventsMethod,
  helloMethod,
  parseEvents,
  parseHello,
  parsePeople,
  peopleMethod,
  type PeerAddress,
  type PeerEvent,
  type PeerPerson,
} from './peer-events.ts';
import { closedGraceMs, mostUnlisted } from './peer-limits.ts';
import { PeerLink, type PeerConnector } from './peer-link.ts';
import { PeerLinks } from './peer-links.ts';

export interface PeersOptions {
  /** Name of this node. */
  readonly node: string;
  readonly incarnation: string;
  readonly topology: Topology;
  /** Gets the handlers of the chat methods. */
  readonly control: Pick<ControlServer, 'handle'>;
  readonly connect: PeerConnector;
  readonly delivery: Delivery;
  /** Everybody logged in here. */
  readonly people: () => readonly PeerPerson[];
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly counters: ChatCounters;
}

/**
 * The other chat servers: tells them what happens here and takes what happens there. Everybody hears everybody while
 * topologies differ: a chat server says hello to those that its topology names, to those that they exchange messages
 * with, and to whoever says hello to it.
 */
export class Peers {
  readonly #options: PeersOptions;
  readonly #inbox: Inbox;
  readonly #links: PeerLinks<PeerLink>;
  readonly #sweep: Timer;
  #topology: Topology;
  /** Where this process is reached, also once it was removed. */
  #at: PeerAddress | undefined;
  #closed = false;

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#topology = options.topology;
    this.#inbox = new Inbox({
      incarnation: options.incarnation,
      delivery: options.delivery,
      silentMs: () => this.#topology.heartbeat.deadAfterMs,
      closedMs: closedGraceMs,
      overflow: () => void (options.counters.peerPeopleOver += 1),
    });
    this.#at = addressOf(options.node, options.topology);
    this.#links = new PeerLinks({
      self: { node: options.node, host: this.#at?.host ?? '' },
      link: (at, retired) => this.#link(at, retired),
      heardFrom: (incarnation) => this.#inbox.hasPeopleOf(incarnation),
      now: () => options.clock.now(),
    });
    this.#answer();
    this.#sweep = every(options.clock, closedGraceMs / 4, () => this.#keepHouse(), true);
    this.apply(options.topology);
  }

  apply(topology: Topology): void {
    this.#topology = topology;
    const at = addressOf(this.#options.node, topology);
    // The same name on another host is another process, and this one is removed.
    if (at !== undefined && at.host === this.#at?.host) this.#at = at;
    this.#links.apply(topology);
  }

  /**
   * Runs `met` when what is said from now on is heard by everybody the other way too: all peers were asked, and those that
   * answered know who is here and told who is there.
   */
  whenMet(met: () => void): void {
    this.#links.whenMet(met);
  }

  /** Tells every peer; `settled` when each has taken it or was given up. */
  publish(event: PeerEvent, settled?: () => void): void {
    const bytes = Buffer.byteLength(JSON.stringify(event));
    let open = this.#links.size + 1;
    const one = (): void => {
      open -= 1;
      if (open === 0) settled?.();
    };
    for (const link of this.#links) link.publish(event, bytes, one);
    one();
  }

  /** Tells one process only. */
  tell(origin: string, event: PeerEvent, settled: Settled): void {
    const link = [...this.#links].find(({ remote }) => remote === origin);
    if (link === undefined) settled(false);
    else link.publish(event, Buffer.byteLength(JSON.stringify(event)), settled);
  }

  close(): void {
    this.#closed = true;
    this.#sweep.cancel();
    this.#links.close();
  }

  #link({ node, host, port }: PeerAddress, retired: boolean): PeerLink {
    const endpoint: Endpoint = { host, port };
    const { incarnation, connect, people, clock, random, log, counters } = this.#options;
    return new PeerLink({
      node,
      endpoint,
      incarnation,
      retired,
      at: () => this.#at,
      connect,
      people,
      clock,
      random,
      log,
      counters,
      acceptable: (remote, link) =>
        remote !== incarnation &&
        ![...this.#links].some((other) => other !== link && other.remote === remote),
      graceMs: (gone) => {
        const { deadAfterMs } = this.#topology.heartbeat;
        return gone ? Math.min(closedGraceMs, deadAfterMs) : deadAfterMs;
      },
      pingMs: () => this.#topology.heartbeat.intervalMs,
      others: (others) => {
        for (const other of others) if (!this.#links.heardOf(other)) this.#refuse(other.node);
      },
      changed: () => this.#links.look(),
      ended: (link) => this.#links.ended(link),
    });
  }

  #answer(): void {
    const { control, clock } = this.#options;
    control.handle(helloMethod, (body, peer) => {
      const { incarnation, at } = parseHello(body);
      this.#admit(incarnation, peer, at);
      const { node } = peer.identity;
      const answer = this.#inbox.hello(node, incarnation, peer.id, clock.now());
      peer.onClose(() => this.#inbox.closed(incarnation, peer.id, clock.now()));
      return { ...answer, others: this.#links.present() };
    });
    control.handle(peopleMethod, (body, peer) => {
      const people = parsePeople(body);
      this.#admit(people.incarnation, peer);
      const answer = this.#inbox.people(people, clock.now());
      this.#links.look();
      return answer;
    });
    control.handle(eventsMethod, (body, peer) => {
      const events = parseEvents(body);
      this.#admit(events.incarnation, peer);
      return this.#inbox.events(events, clock.now());
    });
  }

  #keepHouse(): void {
    this.#inbox.sweep(this.#options.clock.now());
    // Who takes too long to tell its people is no longer waited for.
    this.#links.look();
  }

  /**
   * Chat servers of the topology, those that say where they are reached, and those that were one of these when they came. All
   * have proven the cluster secret.
   */
  #admit(incarnation: string, peer: ControlPeer, at?: PeerAddress): void {
    const { node } = peer.identity;
    const named = this.#topology.chatservers.some(({ name }) => name === node && name !== this.#options.node);
    if (this.#closed || peer.local || incarnation === this.#options.incarnation)
      throw unknown(`${node} is not another chat server`);
    const isReached = at?.node === node && (this.#isForeign(at) || this.#links.came(at));
    if (named || isReached || this.#inbox.knows(incarnation)) return;
    if (at !== undefined) this.#refuse(node);
    throw unknown(`${node} is not another chat server of this topology`);
  }

  /** Whether the topology probes it otherwise: then it is no peer. */
  #isForeign({ node, host }: PeerAddress): boolean {
    return this.#topology.chatservers.some(
      ({ name, address, probe }) => name === node && address.host === host && probe.kind !== 'headgate',
    );
  }

  #refuse(node: string): void {
    const { counters, log } = this.#options;
    counters.peersRefused += 1;
    log.warn(
      { peer: node },
      `chat server ${node}: not taken, ${mostUnlisted} that the topology does not name are here already`,
    );
  }
}

/** Where a chat server is reached, as its topology says. */
function addressOf(node: string, { chatservers }: Topology): PeerAddress | undefined {
  const entry = chatservers.find(({ name }) => name === node);
  return entry && { node, host: entry.address.host, port: entry.controlPort };
}

function unknown(message: string): HeadgateError {
  return new HeadgateError('HEADGATE_CHAT_PEER_UNKNOWN', message);
}
