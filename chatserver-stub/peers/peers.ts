import type { Logger } from 'pino';
import { sameEndpoint } from '../../lib/address/index.ts';
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
  type PeerEvent,
  type PeerPerson,
} from './peer-events.ts';
import { closedGraceMs } from './peer-limits.ts';
import { PeerLink, type PeerConnector } from './peer-link.ts';

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

/** The other chat servers of the topology: tells them what happens here and takes what happens there. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #inbox: Inbox;
  readonly #links = new Set<PeerLink>();
  readonly #sweep: Timer;
  #topology: Topology;
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
    this.#answer();
    this.#sweep = every(options.clock, closedGraceMs / 4, () => this.#inbox.sweep(options.clock.now()), true);
    this.apply(options.topology);
  }

  /** Links to new peers, retires links to those that left; a changed address is both. */
  apply(topology: Topology): void {
    this.#topology = topology;
    const { node } = this.#options;
    const wanted = topology.chatservers
      .filter(({ name, probe }) => name !== node && probe.kind === 'headgate')
      .map(({ name, address, controlPort }) => ({
        node: name,
        endpoint: { host: address.host, port: controlPort },
      }));
    for (const link of this.#links) {
      link.retire(
        !wanted.some((peer) => peer.node === link.node && sameEndpoint(peer.endpoint, link.endpoint)),
      );
    }
    for (const peer of wanted) {
      const known = [...this.#links].some(
        (link) => peer.node === link.node && sameEndpoint(peer.endpoint, link.endpoint),
      );
      if (!known) this.#links.add(this.#link(peer.node, peer.endpoint));
    }
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
    for (const link of this.#links) link.close();
  }

  #link(node: string, endpoint: PeerLink['endpoint']): PeerLink {
    const { incarnation, connect, people, clock, random, log, counters } = this.#options;
    return new PeerLink({
      node,
      endpoint,
      incarnation,
      connect,
      people,
      clock,
      random,
      log,
      counters,
      acceptable: (remote, link) =>
        remote !== incarnation &&
        ![...this.#links].some((other) => other !== link && other.remote === remote),
      graceMs: (refused) => {
        const { deadAfterMs } = this.#topology.heartbeat;
        return refused ? Math.min(closedGraceMs, deadAfterMs) : deadAfterMs;
      },
      pingMs: () => this.#topology.heartbeat.intervalMs,
      ended: (link) => void this.#links.delete(link),
    });
  }

  #answer(): void {
    const { control, clock } = this.#options;
    control.handle(helloMethod, (body, peer) => {
      const { incarnation } = parseHello(body);
      this.#admit(incarnation, peer);
      const { node } = peer.identity;
      const answer = this.#inbox.hello(node, incarnation, peer.id, clock.now());
      peer.onClose(() => this.#inbox.closed(incarnation, peer.id, clock.now()));
      return answer;
    });
    control.handle(peopleMethod, (body, peer) => {
      const people = parsePeople(body);
      this.#admit(people.incarnation, peer);
      return this.#inbox.people(people, clock.now());
    });
    control.handle(eventsMethod, (body, peer) => {
      const events = parseEvents(body);
      this.#admit(events.incarnation, peer);
      return this.#inbox.events(events, clock.now());
    });
  }

  /** Only chat servers of the topology, and those that were when they came. */
  #admit(incarnation: string, peer: ControlPeer): void {
    const { node } = peer.identity;
    const named = this.#topology.chatservers.some(({ name }) => name === node && name !== this.#options.node);
    if (!this.#closed && !peer.local && (named || this.#inbox.knows(incarnation))) return;
    throw new HeadgateError(
      'HEADGATE_CHAT_PEER_UNKNOWN',
      `${node} is not another chat server of this topology`,
    );
  }
}
