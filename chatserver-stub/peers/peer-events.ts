import { isIP } from 'node:net';
import type { Json } from '../../lib/control/index.ts';
import { HeadgateError } from '../../lib/errors/index.ts';
import { isCount, isFields, isMessageId, isSession, isText, validName, type Fields } from '../validate.ts';
import { longestNodeName, mostPeers } from './peer-limits.ts';

/** A person as one chat server tells it to the others; the rest of the claim is the teller itself. */
export type PeerPerson = {
  readonly name: string;
  readonly session: string;
  readonly sinceMs: number;
  readonly renewedMs: number;
};

/** Something said; `id` is null when the client asked for no acknowledgement. */
type Said = {
  readonly from: string;
  readonly session: string;
  readonly text: string;
  readonly id: number | null;
};

/** What chat servers tell each other, in order. */
export type PeerEvent =
  | ({ readonly kind: 'join' } & PeerPerson)
  | { readonly kind: 'leave'; readonly name: string }
  | ({ readonly kind: 'say' } & Said)
  | ({ readonly kind: 'tell'; readonly to: string } & Said);

/** A chat server as one tells another of it: its name, and where its control port is. */
export type PeerAddress = { readonly node: string; readonly host: string; readonly port: number };

/** Opens a stream of events. Answer: HelloAnswer. */
export const helloMethod = 'chat-hello';
export type Hello = {
  readonly incarnation: string;
  /** Where the sender is reached; undefined: only who has it in its topology knows. */
  readonly at?: PeerAddress;
};
export type HelloAnswer = {
  readonly incarnation: string;
  /** Whether the sender's people are known; when not, they must be told before the next events. */
  readonly people: boolean;
  /** The chat servers that the answering one exchanges messages with. */
  readonly others: readonly PeerAddress[];
};

/** Tells everybody who is logged in at the sender, in parts. Answer: null. */
export const peopleMethod = 'chat-people';
export type People = {
  readonly incarnation: string;
  /** Counts from 0; part 0 begins anew. */
  readonly part: number;
  readonly last: boolean;
  /** Events up to this number are part of the picture, or given up: the next expected is the one after. */
  readonly base: number;
  readonly people: readonly PeerPerson[];
};

/** A run of events, numbered `from`, `from` + 1, …; none means: still here. Answer: EventsAnswer. */
export const eventsMethod = 'chat-events';
export type Events = {
  readonly incarnation: string;
  readonly from: number;
  readonly events: readonly PeerEvent[];
};
export type EventsAnswer = {
  readonly taken: number;
  /** Numbers of tells whose person was gone. */
  readonly refused: readonly number[];
  /** Events are missing, or the people are no longer known: tell the people before going on. */
  readonly resync: boolean;
};

export function parseHello(body: Json): Hello {
  const { incarnation, at } = fieldsOf(body);
  return {
    incarnation: check(isSession, incarnation, 'incarnation'),
    ...(at !== undefined && { at: parseAddress(at) }),
  };
}

export function parseHelloAnswer(body: Json): HelloAnswer {
  const { incarnation, people, others = [] } = fieldsOf(body);
  return {
    incarnation: check(isSession, incarnation, 'incarnation'),
    people: check(isBoolean, people, 'people'),
    others: check(isList, others, 'others').slice(0, mostPeers).map(parseAddress),
  };
}

function parseAddress(value: unknown): PeerAddress {
  const { node, host, port } = fieldsOf(value);
  return {
    node: check(isNodeName, node, 'node'),
    host: check(isHost, host, 'host'),
    port: check(isPort, port, 'port'),
  };
}

export function parsePeople(body: Json): People {
  const { incarnation, part, last, base, people } = fieldsOf(body);
  return {
    incarnation: check(isSession, incarnation, 'incarnation'),
    part: check(isCount, part, 'part'),
    last: check(isBoolean, last, 'last'),
    base: check(isCount, base, 'base'),
    people: check(isList, people, 'people').map((person) => parsePerson(fieldsOf(person))),
  };
}

export function parseEvents(body: Json): Events {
  const { incarnation, from, events } = fieldsOf(body);
  return {
    incarnation: check(isSession, incarnation, 'incarnation'),
    from: check(isCount, from, 'from'),
    events: check(isList, events, 'events').map((event) => parseEvent(fieldsOf(event))),
  };
}

export function parseEventsAnswer(body: Json): EventsAnswer {
  const { taken, refused, resync } = fieldsOf(body);
  return {
    taken: check(isCount, taken, 'taken'),
    refused: check(isList, refused, 'refused').map((seq) => check(isCount, seq, 'refused')),
    resync: check(isBoolean, resync, 'resync'),
  };
}

function parsePerson({ name, session, sinceMs, renewedMs }: Fields): PeerPerson {
  return {
    name: personName(name, 'name'),
    session: check(isSession, session, 'session'),
    sinceMs: check(isTime, sinceMs, 'sinceMs'),
    renewedMs: check(isTime, renewedMs, 'renewedMs'),
  };
}

function parseEvent(fields: Fields): PeerEvent {
  const { kind, name, from, to, session, text, id } = fields;
  if (kind === 'join') return { kind, ...parsePerson(fields) };
  if (kind === 'leave') return { kind, name: personName(name, 'name') };
  const said: Said = {
    from: personName(from, 'from'),
    session: check(isSession, session, 'session'),
    text: check(isText, text, 'text'),
    id: id === null ? null : check(isMessageId, id, 'id'),
  };
  if (kind === 'say') return { kind, ...said };
  if (kind === 'tell') return { kind, to: personName(to, 'to'), ...said };
  throw broken('kind');
}

function personName(value: unknown, field: string): string {
  const name = validName(value);
  if (name === undefined) throw broken(field);
  return name;
}

function fieldsOf(value: unknown): Fields {
  if (!isFields(value)) throw broken('body');
  return value;
}

function check<Value>(is: (value: unknown) => value is Value, value: unknown, field: string): Value {
  if (!is(value)) throw broken(field);
  return value;
}

function isNodeName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= longestNodeName;
}

/** Addresses only: nobody makes this process ask a name server. */
function isHost(value: unknown): value is string {
  return typeof value === 'string' && isIP(value) !== 0;
}

function isPort(value: unknown): value is number {
  return isCount(value) && value > 0 && value <= 65_535;
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function broken(field: string): HeadgateError {
  return new HeadgateError('HEADGATE_CHAT_PEER_PROTOCOL', `a chat server sent a bad ${field}`, {
    facts: { field },
  });
}
