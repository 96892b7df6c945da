import type { Clock } from '../lib/clock/index.ts';
import type { ChatConnection } from './chat-connection.ts';
import type { Claim } from './claim.ts';
import type { ChatCounters } from './counters.ts';
import { Directory, type DirectoryChange } from './directory.ts';
import { claimWaitMs, mostSeenIds, presenceDelayMs } from './limits.ts';
import { encodeLine } from './line-codec.ts';
import type { Delivery, PeerEvent, PeerPerson, Peers } from './peers/index.ts';
import { mostPeoplePerPeer } from './peers/index.ts';
import { encodePeople } from './people-list.ts';
import { Presence } from './presence.ts';
import type { ClientMessage } from './protocol.ts';
import { Room } from './room.ts';
import { SeenIds } from './seen-ids.ts';

export interface HallOptions {
  /** Name of this chat server. */
  readonly node: string;
  readonly incarnation: string;
  readonly clock: Clock;
  /** Milliseconds since 1970: compared between hosts, only to decide who had a name first. */
  readonly wallClock: () => number;
  /** A session for a client that names none; never the same twice. */
  readonly newSession: () => string;
  readonly counters: ChatCounters;
  readonly peers: Pick<Peers, 'publish' | 'tell' | 'whenMet'>;
}

type Message<Type extends ClientMessage['type']> = Extract<ClientMessage, { readonly type: Type }>;

/** Who is here and what is said: carries out what clients and peers send. */
export class Hall implements Delivery {
  readonly #options: HallOptions;
  readonly #directory = new Directory();
  readonly #room: Room;
  readonly #presence: Presence;
  readonly #seen = new SeenIds(mostSeenIds);
  /** Connections that hold, or are getting, their name. */
  readonly #locals = new Map<string, ChatConnection>();
  /** Claims of this process that people here were told of. */
  readonly #announced = new WeakSet<Claim>();

  constructor(options: HallOptions) {
    const { clock } = options;
    this.#options = options;
    this.#room = new Room({
      soon: (run) => void setImmediate(run),
      later: (run) => void clock.after(presenceDelayMs, run, true),
    });
    this.#presence = new Presence(this.#room, () => this.#directory.size, clock);
  }

  get room(): Room {
    return this.#room;
  }

  close(): void {
    this.#presence.close();
  }

  /** A message of a client. */
  received(message: ClientMessage, connection: ChatConnection): void {
    const { claim } = connection;
    if (message.type === 'ping') {
      connection.tell({ type: 'pong' });
    } else if (message.type === 'login') {
      if (claim === undefined) this.#login(message, connection);
      else connection.refuse('already-logged-in', `you are logged in as ${claim.name}`);
    } else if (claim === undefined) {
      connection.refuse('not-logged-in', 'log in first');
    } else if (message.type === 'say') {
      this.#say(message, claim, connection);
    } else if (message.type === 'tell') {
      this.#tell(message, claim, connection);
    } else {
      connection.send(encodePeople(this.#directory.owners(), this.#directory.size));
    }
  }

  /** A client's connection is over. */
  ended(connection: ChatConnection): void {
    this.#room.remove(connection);
    const { claim } = connection;
    if (claim !== undefined) this.#withdraw(claim, connection);
  }

  /** Everybody who is logged in here, for the peers. */
  localPeople(): PeerPerson[] {
    return [...this.#directory.claimsOf(this.#options.incarnation).values()].map(
      ({ name, session, sinceMs, renewedMs }) => ({ name, session, sinceMs, renewedMs }),
    );
  }

  people(origin: string, node: string, people: readonly PeerPerson[]): void {
    const claims = new Map(people.map((person) => [person.name, { ...person, origin, server: node }]));
    this.#changed(this.#directory.replaceOrigin(origin, claims));
  }

  event(origin: string, node: string, event: PeerEvent): boolean {
    switch (event.kind) {
      case 'join': {
        const { name, session, sinceMs, renewedMs } = event;
        const claims = this.#directory.claimsOf(origin);
        if (claims.size >= mostPeoplePerPeer && !claims.has(name)) {
          this.#options.counters.peerPeopleOver += 1;
          return true;
        }
        const claim = { name, server: node, origin, session, sinceMs, renewedMs };
        this.#changed([this.#directory.put(claim)]);
        return true;
      }
      case 'leave':
        this.#changed([this.#directory.drop(event.name, origin)]);
        return true;
      case 'say':
        this.#hear(event, node);
        return true;
      case 'tell':
        return this.#hand(event, node);
    }
  }

  #login({ name, session: given }: Message<'login'>, connection: ChatConnection): void {
    const { node, incarnation, clock, wallClock, newSession, counters, peers } = this.#options;
    const owner = this.#directory.owner(name);
    const session = given ?? newSession();
    if (owner !== undefined && owner.session !== session) {
      counters.namesTaken += 1;
      connection.refuse('name-taken', `somebody on ${owner.server} is called ${name} already`);
      return;
    }
    const nowMs = wallClock();
    const claim: Claim = {
      name,
      server: node,
      origin: incarnation,
      session,
      sinceMs: owner?.sinceMs ?? nowMs,
      // Newer than the connection it takes over, even when that host's clock is ahead.
      renewedMs: owner === undefined ? nowMs : Math.max(nowMs, owner.renewedMs + 1),
    };
    const ghost = this.#locals.get(name);
    if (ghost?.claim !== undefined) {
      this.#withdraw(ghost.claim, ghost);
      this.#replace(ghost);
    }
    connection.claim = claim;
    this.#locals.set(name, connection);
    this.#changed([this.#directory.put(claim)]);

    // The others must hear of the claim before it is confirmed: two claims at once meet on the way.
    connection.hold(true);
    const done = (): void => {
      timer.cancel();
      this.#welcome(claim, connection);
    };
    const timer = clock.after(claimWaitMs, done, true);
    const join = { kind: 'join', name, session, sinceMs: claim.sinceMs, renewedMs: claim.renewedMs } as const;
    // Nor may anybody miss a word of somebody who is here, because the ways to others were not there yet.
    peers.publish(join, () => peers.whenMet(done));
  }

  #welcome(claim: Claim, connection: ChatConnection): void {
    if (connection.over || connection.member || connection.claim !== claim) return;
    const { name, server } = claim;
    this.#announced.add(claim);
    connection.admit();
    this.#room.add(connection);
    connection.tell({ type: 'welcome', name, server, people: this.#directory.size });
    this.#presence.changed([{ joined: claim }], undefined, connection);
    connection.hold(false);
  }

  #say({ text, id }: Message<'say'>, { name, session }: Claim, connection: ChatConnection): void {
    const { counters, node, peers } = this.#options;
    counters.says += 1;
    const event = { kind: 'say', from: name, session, text, id: id ?? null } as const;
    this.#hear(event, node, connection);
    // Sent again or not, the peers are told: each of them drops what it has.
    if (id === undefined) {
      peers.publish(event);
      return;
    }
    const answered = connection.expectAnswer();
    peers.publish(event, () => {
      connection.tell({ type: 'delivered', id });
      answered();
    });
  }

  #tell({ to, text, id }: Message<'tell'>, { name, session }: Claim, connection: ChatConnection): void {
    const { counters, incarnation, node, peers } = this.#options;
    counters.tells += 1;
    const event = { kind: 'tell', to, from: name, session, text, id: id ?? null } as const;
    const answered = connection.expectAnswer();
    const settled = (taken: boolean): void => {
      if (!taken) connection.refuse('no-such-person', `nobody called ${to} is logged in`, id);
      else if (id !== undefined) connection.tell({ type: 'delivered', id });
      answered();
    };
    const owner = this.#directory.owner(to);
    if (owner === undefined) settled(false);
    else if (owner.origin === incarnation) settled(this.#hand(event, node));
    else peers.tell(owner.origin, event, settled);
  }

  /** Brings a say to everybody here, once. */
  #hear(said: Extract<PeerEvent, { kind: 'say' }>, server: string, except?: ChatConnection): void {
    const { from, session, text, id } = said;
    if (id !== null && !this.#seen.isNewSay(from, session, id)) {
      this.#options.counters.duplicates += 1;
      return;
    }
    this.#room.broadcast(encodeLine({ type: 'message', from, server, text }), except);
  }

  /** Brings a tell to its receiver, once; false when that person is not here. */
  #hand(told: Extract<PeerEvent, { kind: 'tell' }>, server: string): boolean {
    const { to, from, session, text, id } = told;
    const receiver = this.#locals.get(to);
    if (receiver === undefined || !receiver.member) return false;
    if (id !== null && !this.#seen.isNewTell(from, session, id)) {
      this.#options.counters.duplicates += 1;
      return true;
    }
    receiver.tell({ type: 'told', from, server, text });
    return true;
  }

  /** The name is no longer claimed by this connection. */
  #withdraw(claim: Claim, connection: ChatConnection): void {
    const { name } = claim;
    connection.claim = undefined;
    this.#locals.delete(name);
    const change = this.#directory.drop(name, this.#options.incarnation);
    this.#options.peers.publish({ kind: 'leave', name });
    this.#changed([change]);
  }

  #changed(changes: readonly DirectoryChange[]): void {
    for (const { left, joined } of changes) {
      if (left !== undefined && joined !== undefined) this.#losesTo(left, joined);
    }
    this.#presence.changed(changes, (claim) => this.#isHidden(claim));
  }

  #isHidden(claim: Claim): boolean {
    return claim.origin === this.#options.incarnation && !this.#announced.has(claim);
  }

  /** When `loser` is somebody here, the name has gone to another chat server: tells the client. */
  #losesTo(loser: Claim, winner: Claim): void {
    const connection = this.#locals.get(loser.name);
    if (connection === undefined || connection.claim !== loser) return;
    this.#withdraw(loser, connection);
    if (winner.session === loser.session) {
      this.#replace(connection);
      return;
    }
    this.#options.counters.namesTaken += 1;
    const why = `somebody on ${winner.server} was called ${loser.name} first`;
    if (connection.member) {
      connection.bye('name-taken', why);
      return;
    }
    connection.refuse('name-taken', why);
    connection.hold(false);
  }

  #replace(connection: ChatConnection): void {
    this.#options.counters.replaced += 1;
    connection.bye('replaced', 'you logged in again over another connection');
  }
}
