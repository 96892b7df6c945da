import type { Logger } from 'pino';
import type { Endpoint } from '../../lib/address/index.ts';
import type { Clock, Timer } from '../../lib/clock/index.ts';
import { isNotThere, type ControlConnection } from '../../lib/control/index.ts';
import { describeError, HeadgateError } from '../../lib/errors/index.ts';
import { Backoff } from '../backoff.ts';
import type { ChatCounters } from '../counters.ts';
import { converse } from './conversation.ts';
import { Outbox, type Settled } from './outbox.ts';
import type { HelloAnswer, PeerAddress, PeerEvent, PeerPerson } from './peer-events.ts';
import { firstRetryMs, longestRetryMs, outboxLimits } from './peer-limits.ts';
import { Waiter } from './waiter.ts';

/** Opens a control connection to a peer. */
export type PeerConnector = (node: string, endpoint: Endpoint) => Promise<ControlConnection>;

export interface PeerLinkOptions {
  readonly node: string;
  readonly endpoint: Endpoint;
  /** Incarnation of this process. */
  readonly incarnation: string;
  /** The topology does not name the peer: the link ends with the first attempt that fails. */
  readonly retired: boolean;
  /** Where this process is reached; undefined: only who has it in its topology knows. */
  readonly at: () => PeerAddress | undefined;
  readonly connect: PeerConnector;
  /** Everybody logged in here. */
  readonly people: () => readonly PeerPerson[];
  /** False when the process that answered is one we already talk to, or ourselves. */
  readonly acceptable: (incarnation: string, link: PeerLink) => boolean;
  /** How long a peer may be away before what waits for it is given up; `gone`: its port refuses, or is another's. */
  readonly graceMs: (gone: boolean) => number;
  /** How often an idle peer hears that we live. */
  readonly pingMs: () => number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly counters: ChatCounters;
  /** The peer exchanges messages with these. */
  readonly others: (others: readonly PeerAddress[]) => void;
  /** The peer was told everybody, or an attempt to reach it ended. */
  readonly changed: () => void;
  /** Called once when the link has ended for good. */
  readonly ended: (link: PeerLink) => void;
}

/**
 * The way to one peer: says hello, tells everybody when the peer does not know them, then sends events in order,
 * one request at a time, each kept until the peer has taken it. A broken connection is opened again and goes on
 * where it was; a peer that stays away is given up, and told everybody when it returns.
 *
 *     absent ──hello──► linked ──broken──► interrupted ──hello──► linked
 *        ▲                                     │
 *        └──────────── after graceMs ──────────┘
 */
export class PeerLink {
  readonly node: string;
  readonly endpoint: Endpoint;
  readonly #options: PeerLinkOptions;
  readonly #outbox = new Outbox(outboxLimits);
  readonly #idle: Waiter;
  readonly #pause: Waiter;
  readonly #backoff: Backoff;
  #state: 'absent' | 'linked' | 'interrupted' | 'closed' = 'absent';
  #remote: string | undefined;
  #tellPeople = true;
  #brokenMs = 0;
  #grace: Timer | undefined;
  #connection: ControlConnection | undefined;
  #retired: boolean;
  #isTried = false;
  #toldMs: number | undefined;
  #trouble = '';

  constructor(options: PeerLinkOptions) {
    this.node = options.node;
    this.endpoint = options.endpoint;
    this.#retired = options.retired;
    this.#options = options;
    this.#idle = new Waiter(options.clock);
    this.#pause = new Waiter(options.clock);
    this.#backoff = new Backoff(firstRetryMs, longestRetryMs, options.random);
    void this.#run();
  }

  /** Incarnation of the process at the other end, as long as it is not given up. */
  get remote(): string | undefined {
    return this.#state === 'linked' || this.#state === 'interrupted' ? this.#remote : undefined;
  }

  /** Whether a first attempt to reach the peer has ended, well or not. */
  get isTried(): boolean {
    return this.#isTried;
  }

  /** When this process of the peer was first told everybody here; undefined: not yet. */
  get toldMs(): number | undefined {
    return this.#toldMs;
  }

  get retired(): boolean {
    return this.#retired;
  }

  /** Queues an event of so many bytes; settled at once as not taken when the peer is away. */
  publish(event: PeerEvent, bytes: number, settled?: Settled): void {
    if (this.remote === undefined) {
      settled?.(false);
      return;
    }
    if (!this.#outbox.push(event, bytes, settled)) {
      this.#giveUp('too much waits for it');
      this.#outbox.push(event, bytes, settled);
    }
    this.#idle.wake();
  }

  /** Whether the peer has left the topology: then the link lasts until it is gone. */
  retire(retired: boolean): void {
    this.#retired = retired;
    if (retired && this.remote === undefined) this.hurry();
  }

  /** The next attempt is made at once. */
  hurry(): void {
    this.#backoff.reset();
    this.#pause.wake();
  }

  /** Idempotent. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#grace?.cancel();
    this.#outbox.giveUp();
    this.#connection?.close();
    this.#idle.wake();
    this.#pause.wake();
    this.#options.ended(this);
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      try {
        const connection = await this.#options.connect(this.node, this.endpoint);
        try {
          if (this.#isClosed) return;
          this.#connection = connection;
          await converse(connection, {
            incarnation: this.#options.incarnation,
            at: this.#options.at(),
            outbox: this.#outbox,
            idle: this.#idle,
            pingMs: this.#options.pingMs,
            greeted: (hello) => this.#greeted(hello),
            peopleToTell: () => this.#peopleToTell(),
            mustTellPeople: () => void (this.#tellPeople = true),
            peopleTold: () => this.#told(),
          });
        } finally {
          this.#connection = undefined;
          connection.close();
        }
      } catch (error) {
        this.#broken(error);
      }
      if (!this.#isClosed) await this.#pause.wait(this.#backoff.next());
    }
  }

  get #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #greeted({ incarnation, people, others }: HelloAnswer): void {
    const { acceptable, log } = this.#options;
    if (!acceptable(incarnation, this)) {
      throw new HeadgateError('HEADGATE_CHAT_PEER_PROTOCOL', 'the same chat server answers for two names', {
        cure: 'give every chat server of the topology a control address of its own',
      });
    }
    if (incarnation !== this.#remote) {
      // What waited was for a process that is gone, and so are the people who would have heard it.
      this.#outbox.giveUp();
      this.#remote = incarnation;
      this.#tellPeople = true;
      this.#toldMs = undefined;
    }
    if (!people) this.#tellPeople = true;
    this.#grace?.cancel();
    this.#grace = undefined;
    this.#backoff.reset();
    if (this.#state === 'absent')
      log.info({ peer: this.node }, `chat server ${this.node}: exchanging messages`);
    this.#state = 'linked';
    this.#isTried = true;
    this.#trouble = '';
    this.#options.others(others);
  }

  #told(): void {
    this.#toldMs ??= this.#options.clock.now();
    this.#options.changed();
  }

  #peopleToTell(): readonly PeerPerson[] | undefined {
    if (!this.#tellPeople) return undefined;
    this.#tellPeople = false;
    this.#options.counters.peerSyncs += 1;
    return this.#options.people();
  }

  #broken(error: unknown): void {
    if (this.#isClosed) return;
    const { clock, log, counters, graceMs } = this.#options;
    const why = describeError(error);
    if (this.#state === 'linked') {
      this.#state = 'interrupted';
      this.#brokenMs = clock.now();
      counters.peerBreaks += 1;
      log.warn({ peer: this.node }, `chat server ${this.node}: connecting again: ${why}`);
    } else if (why !== this.#trouble) {
      log.debug({ peer: this.node }, `chat server ${this.node}: not reached: ${why}`);
    }
    this.#trouble = why;
    this.#isTried = true;
    if (this.#state !== 'interrupted') {
      if (this.#retired) this.close();
      this.#options.changed();
      return;
    }
    this.#grace?.cancel();
    const leftMs = this.#brokenMs + graceMs(isNotThere(error)) - clock.now();
    this.#grace = clock.after(leftMs, () => this.#gone(), true);
  }

  #gone(): void {
    this.#giveUp('it is gone');
    this.#state = 'absent';
    if (this.#retired) this.close();
    this.#options.changed();
  }

  #giveUp(why: string): void {
    const lost = this.#outbox.giveUp();
    this.#tellPeople = true;
    this.#options.counters.peerEventsLost += lost;
    this.#options.log.warn({ peer: this.node, lost, why }, 'gave up what waited for chat server');
  }
}
