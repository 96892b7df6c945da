/** Requests and their answers. Pure but for the socket that is handed in, so that tests play the kernel. */
import { HeadgateError } from '../../errors/index.ts';
import * as constant from './constants.ts';
import { decodeMessages, encodeMessage, type Attribute, type Message } from './message.ts';
import { decodeVerdict, refusal } from './refusal.ts';
import type { Received } from './socket.ts';

/** The part of a NetlinkSocket that requests need. */
export interface Wire {
  send(message: Uint8Array): void;
  receive(): Received;
}

export interface Request {
  /** What is asked, for errors: `add 10.0.0.1/32 to interface 1`. */
  readonly what: string;
  /** RTM_* */
  readonly type: number;
  /** Besides NLM_F_REQUEST. */
  readonly flags: number;
  readonly struct: Uint8Array;
  readonly attributes?: readonly Attribute[];
}

/** How often a list is asked for that changed while the kernel told it (NLM_F_DUMP_INTR). */
const dumpTriesMost = 8;

/** Most objects in one list. A host with more neighbours or addresses is not one that headgate knows how to serve. */
const dumpObjectsMost = 1_000_000;

/** Sends requests one after the other and collects each one's answers; numbers them, so that late answers are told apart. */
export class Requests {
  readonly #wire: Wire;
  #sequence = 0;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Has something done. Throws HEADGATE_NETLINK_REFUSED. */
  act(request: Request): void {
    this.#answers({ ...request, flags: request.flags | constant.NLM_F_ACK }, () => {});
  }

  /** Asks for one object. Throws HEADGATE_NETLINK_REFUSED, HEADGATE_NETLINK_MALFORMED. */
  ask<Answer>(request: Request, decode: (payload: Uint8Array) => Answer | undefined): Answer {
    let answer: Answer | undefined;
    this.#answers({ ...request, flags: request.flags | constant.NLM_F_ACK }, ({ payload }) => {
      answer ??= decode(payload);
    });
    if (answer === undefined) throw malformed(request.what, 'the answer cannot be read');
    return answer;
  }

  /**
   * Asks for a list; what `decode` does not know is left out. Throws HEADGATE_NETLINK_REFUSED, _MALFORMED, or
   * HEADGATE_NETLINK_UNSTEADY when the list changed during every one of eight tries.
   */
  list<Item>(request: Request, decode: (payload: Uint8Array) => Item | undefined): readonly Item[] {
    for (let tries = 0; tries < dumpTriesMost; tries++) {
      const items: Item[] = [];
      const steady = this.#answers(
        { ...request, flags: request.flags | constant.NLM_F_DUMP },
        ({ payload }) => {
          const item = decode(payload);
          if (item !== undefined) items.push(item);
          if (items.length > dumpObjectsMost) throw malformed(request.what, 'the list has no end');
        },
      );
      if (steady) return items;
    }
    throw new HeadgateError(
      'HEADGATE_NETLINK_UNSTEADY',
      `${request.what}: it changed each of the ${dumpTriesMost} times it was asked for`,
    );
  }

  /** Sends and hands every answer to `take`, up to the verdict. Answers whether nothing changed meanwhile. */
  #answers({ what, type, flags, struct, attributes }: Request, take: (message: Message) => void): boolean {
    this.#sequence = (this.#sequence + 1) >>> 0;
    const sequence = this.#sequence;
    const header = { type, flags: flags | constant.NLM_F_REQUEST, sequence };
    this.#wire.send(encodeMessage(header, struct, attributes));
    let steady = true;
    for (;;) {
      const datagram = this.#wire.receive();
      // The kernel answers before send() returns, and makes the rest of a list while it is read.
      if (datagram === 'nothing') throw malformed(what, 'the kernel gave no answer');
      if (datagram === 'overrun') throw malformed(what, 'the answer did not fit the socket');
      const messages = decodeMessages(datagram);
      if (messages === undefined) throw malformed(what, 'the answer is not made of whole messages');
      for (const message of messages) {
        if (message.sequence !== sequence) continue;
        if ((message.flags & constant.NLM_F_DUMP_INTR) !== 0) steady = false;
        if (message.type !== constant.NLMSG_ERROR && message.type !== constant.NLMSG_DONE) {
          take(message);
          continue;
        }
        const verdict = decodeVerdict(message);
        if (verdict === undefined) throw malformed(what, 'the verdict is cut short');
        if (verdict.errno !== 0) throw refusal(what, verdict);
        return steady;
      }
    }
  }
}

function malformed(what: string, problem: string): HeadgateError {
  return new HeadgateError('HEADGATE_NETLINK_MALFORMED', `${what}: ${problem}`);
}
