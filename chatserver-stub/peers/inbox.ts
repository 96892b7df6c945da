import { mostIncarnations, mostPeoplePerPeer, rememberMs } from './peer-limits.ts';
import type { EventsAnswer, Events, HelloAnswer, People, PeerEvent, PeerPerson } from './peer-events.ts';

/** Where the events of peers go. `origin` is the sending process, `node` its name in the topology. */
export interface Delivery {
  /** These are all people of that process; none: it is gone. */
  people(origin: string, node: string, people: readonly PeerPerson[]): void;
  /** False when the event came to nothing: a tell to somebody who has left. */
  event(origin: string, node: string, event: PeerEvent): boolean;
}

export interface InboxOptions {
  /** Incarnation of this process. */
  readonly incarnation: string;
  readonly delivery: Delivery;
  /** A peer not heard for so long is taken for gone. */
  readonly silentMs: () => number;
  /** The same, once its connection has ended. */
  readonly closedMs: number;
  /** Called for each person that was more than a peer may have. */
  readonly overflow: () => void;
}

/** The stream of one sending process. */
interface Stream {
  readonly node: string;
  readonly origin: string;
  /** Number of the last event taken. */
  taken: number;
  /** Whether `people` were told and not forgotten since. */
  known: boolean;
  gathered: PeerPerson[] | undefined;
  refused: number[];
  heardMs: number;
  readonly connections: Set<number>;
  closedMs: number;
}

/**
 * Takes what peers send exactly once and in order: per sending process, events have consecutive numbers; those
 * seen before are dropped, and a gap asks for a new start. A process not heard for long is gone: its people are
 * forgotten, but not its place in the stream. Time is an argument.
 */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #streams = new Map<string, Stream>();

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  knows(origin: string): boolean {
    return this.#streams.has(origin);
  }

  /** Whether the people of this process are known now. */
  hasPeopleOf(origin: string): boolean {
    return this.#streams.get(origin)?.known === true;
  }

  /** `connection` is the number of the connection it came on; tell `closed` when that ended. */
  hello(node: string, origin: string, connection: number, nowMs: number): Omit<HelloAnswer, 'others'> {
    let stream = this.#streams.get(origin);
    if (stream === undefined) {
      this.#makeRoom(node, nowMs);
      stream = newStream(node, origin, nowMs);
      this.#streams.set(origin, stream);
    }
    stream.heardMs = nowMs;
    stream.connections.add(connection);
    return { incarnation: this.#options.incarnation, people: stream.known };
  }

  people({ incarnation, part, last, base, people }: People, nowMs: number): null {
    const stream = this.#streams.get(incarnation);
    if (stream === undefined) return null;
    stream.heardMs = nowMs;
    if (part === 0) stream.gathered = [];
    if (stream.gathered === undefined) return null;
    for (const person of people) {
      if (stream.gathered.length < mostPeoplePerPeer) stream.gathered.push(person);
      else this.#options.overflow();
    }
    if (!last) return null;
    stream.taken = Math.max(stream.taken, base);
    stream.known = true;
    this.#options.delivery.people(stream.origin, stream.node, stream.gathered);
    stream.gathered = undefined;
    return null;
  }

  events({ incarnation, from, events }: Events, nowMs: number): EventsAnswer {
    const stream = this.#streams.get(incarnation);
    if (stream === undefined) return { taken: 0, refused: [], resync: true };
    stream.heardMs = nowMs;
    if (!stream.known || from > stream.taken + 1) return { taken: 0, refused: [], resync: true };
    // Numbers before `from` are settled with the sender; those after it may be asked for again.
    stream.refused = stream.refused.filter((seq) => seq >= from);
    for (const [index, event] of events.entries()) {
      const seq = from + index;
      if (seq <= stream.taken) continue;
      stream.taken = seq;
      const done = this.#options.delivery.event(stream.origin, stream.node, event);
      if (!done) stream.refused.push(seq);
    }
    return { taken: stream.taken, refused: stream.refused, resync: false };
  }

  /** A connection that said hello has ended. */
  closed(origin: string, connection: number, nowMs: number): void {
    const stream = this.#streams.get(origin);
    if (stream === undefined || !stream.connections.delete(connection)) return;
    if (stream.connections.size === 0) stream.closedMs = nowMs;
  }

  /** Forgets who is gone; call it now and then. */
  sweep(nowMs: number): void {
    const silentMs = this.#options.silentMs();
    for (const stream of this.#streams.values()) {
      const closed = stream.connections.size === 0 && nowMs - stream.closedMs >= this.#options.closedMs;
      if (closed || nowMs - stream.heardMs >= silentMs) this.#forgetPeople(stream);
      if (nowMs - stream.heardMs >= silentMs + rememberMs) this.#streams.delete(stream.origin);
    }
  }

  /** A new process of a node: the connections of one that has ended are worth nothing any more. */
  #makeRoom(node: string, nowMs: number): void {
    const others = [...this.#streams.values()].filter((stream) => stream.node === node);
    for (const stream of others) {
      if (stream.connections.size === 0 && stream.closedMs <= nowMs) this.#forgetPeople(stream);
    }
    if (others.length < mostIncarnations) return;
    const [oldest] = others.toSorted((one, other) => one.heardMs - other.heardMs);
    if (oldest === undefined) return;
    this.#forgetPeople(oldest);
    this.#streams.delete(oldest.origin);
  }

  #forgetPeople(stream: Stream): void {
    stream.gathered = undefined;
    if (!stream.known) return;
    stream.known = false;
    this.#options.delivery.people(stream.origin, stream.node, []);
  }
}

function newStream(node: string, origin: string, nowMs: number): Stream {
  return {
    node,
    origin,
    taken: 0,
    known: false,
    gathered: undefined,
    refused: [],
    heardMs: nowMs,
    connections: new Set(),
    closedMs: Infinity,
  };
}
