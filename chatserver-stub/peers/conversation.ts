import type { ControlConnection, Json } from '../../lib/control/index.ts';
import { HeadgateError } from '../../lib/errors/index.ts';
import type { Outbox } from './outbox.ts';
import {
  eventsMethod,
  helloMethod,
  parseEventsAnswer,
  parseHelloAnswer,
  peopleMethod,
  type HelloAnswer,
  type PeerAddress,
  type PeerPerson,
} from './peer-events.ts';
import { batchBytes, batchEvents, batchPeople, requestTimeoutMs } from './peer-limits.ts';
import type { Waiter } from './waiter.ts';

/** What one connection to a peer works on; it outlives the connection. */
export interface Conversation {
  /** Incarnation of this process. */
  readonly incarnation: string;
  /** Where this process is reached; undefined: only who has it in its topology knows. */
  readonly at: PeerAddress | undefined;
  readonly outbox: Outbox;
  /** Woken when the outbox got something. */
  readonly idle: Waiter;
  /** How often an idle peer hears that we live. */
  readonly pingMs: () => number;
  /** The peer answered; throws when it is not one to talk to. */
  greeted(hello: HelloAnswer): void;
  /** Everybody here, when the peer must be told them; undefined when it knows. */
  peopleToTell(): readonly PeerPerson[] | undefined;
  /** The peer lost its place. */
  mustTellPeople(): void;
  /** The peer knows everybody here. */
  peopleTold(): void;
}

/** Talks on one connection until it ends; that it ended is always told by throwing. */
export async function converse(connection: ControlConnection, talk: Conversation): Promise<never> {
  let open = true;
  connection.onClose(() => {
    open = false;
    talk.idle.wake();
  });
  const ask = (method: string, body: Json): Promise<Json> =>
    connection.request(method, body, requestTimeoutMs);
  const { incarnation, at, outbox } = talk;

  const hello = { incarnation, ...(at !== undefined && { at }) };
  talk.greeted(parseHelloAnswer(await ask(helloMethod, hello)));
  let justTold = false;
  while (open) {
    const people = talk.peopleToTell();
    if (people !== undefined) {
      await tellPeople(ask, incarnation, outbox.base, people);
      justTold = true;
      continue;
    }
    const from = outbox.base + 1;
    const events = outbox.batch(batchEvents, batchBytes);
    const answer = parseEventsAnswer(await ask(eventsMethod, { incarnation, from, events }));
    if (answer.resync) {
      talk.mustTellPeople();
      if (justTold) throw new HeadgateError('HEADGATE_CHAT_PEER_PROTOCOL', 'the peer loses its place');
      continue;
    }
    justTold = false;
    talk.peopleTold();
    outbox.acknowledge(answer.taken, answer.refused);
    if (open && outbox.size === 0) await talk.idle.wait(talk.pingMs());
  }
  throw new HeadgateError('HEADGATE_CONTROL_CLOSED', 'the control connection ended', { cure: '' });
}

/** In parts; the last may be empty. The events after `base` follow. */
async function tellPeople(
  ask: (method: string, body: Json) => Promise<Json>,
  incarnation: string,
  base: number,
  people: readonly PeerPerson[],
): Promise<void> {
  for (let part = 0, done = 0; ; part++) {
    const some = people.slice(done, done + batchPeople);
    done += some.length;
    const last = done >= people.length;
    await ask(peopleMethod, { incarnation, part, last, base, people: some });
    if (last) return;
  }
}
