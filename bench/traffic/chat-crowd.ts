/**
 * The clients of the bench: many connections of one process on as many rings as they need, 18 bytes of their own each. Every
 * message is numbered, and what is missing, comes twice, or out of order is counted.
 */
import type { Endpoint } from '../../lib/address/index.ts';
import { emptyLine, LineCutter, nowUs, readLine, sinceUs, writeLogin, writeTell } from './chat-lines.ts';
import { crowdCounts, type CrowdCounts } from './crowd-counts.ts';
import { Histogram } from './histogram.ts';
import { Pace } from './pace.ts';
import { StreamRing } from './stream-ring.ts';

/** Below RLIMIT_NOFILE as it usually is at the least; more rings serve more connections. */
const slotsPerRing = 16_384;
const tickMs = 5;
/** A failed connect is tried again after this. */
const retryMs = 500;
/** Connects under way at one time; a accept queue has room for more. */
const mostOpening = 2_048;
const tries = 32;
/** A prime: from one talker to the next. */
const turnStep = 7_919;

const state = { idle: 0, opening: 1, login: 2, live: 3, waiting: 4 } as const;
/** What a sender still waits for. */
const owed = { told: 1, delivered: 2, both: 3, cut: 4 } as const;

export interface ChatCrowdOptions {
  readonly to: Endpoint;
  readonly sources: readonly string[];
  /** How many clients; their users are `firstUser` and those that follow. */
  readonly count: number;
  readonly firstUser: number;
}

export class ChatCrowd {
  readonly counts: CrowdCounts = crowdCounts();
  /** From the connect to the welcome. */
  readonly logins = new Histogram();
  /** From the moment a message was due until its receiver had it. */
  readonly talks = new Histogram();
  /** From the moment a push was asked for until a client had it. */
  readonly pushes = new Histogram();
  readonly #options: ChatCrowdOptions;
  readonly #rings: StreamRing[] = [];
  readonly #cutters: LineCutter[] = [];
  readonly #state: Uint8Array;
  readonly #server: Uint8Array;
  readonly #owed: Uint8Array;
  readonly #begunMs: Uint32Array;
  readonly #sent: Uint16Array;
  readonly #pushed: Uint16Array;
  readonly #partner: Int32Array;
  readonly #line = emptyLine();
  /** Servers that are to fail, by number: 1. */
  readonly #doomed = new Uint8Array(256);
  /** Clients that end by themselves. */
  readonly #leaving = new Set<number>();
  readonly #connecting: Pace;
  readonly #talking: Pace;
  /** Clients to connect as soon as there is room, in order. */
  #ready: number[] = [];
  readonly #retries: { readonly client: number; readonly atMs: number }[] = [];
  readonly #timer: NodeJS.Timeout;
  #opening = 0;
  #push = 0;
  #turn = 0;
  #talkEvery = 1;
  #client = 0;
  #lastToldMs = 0;
  #longestGapMs = 0;

  constructor(options: ChatCrowdOptions) {
    this.#options = options;
    const { count, to, sources } = options;
    this.#state = new Uint8Array(count);
    this.#server = new Uint8Array(count);
    this.#owed = new Uint8Array(count);
    this.#begunMs = new Uint32Array(count);
    this.#sent = new Uint16Array(count);
    this.#pushed = new Uint16Array(count);
    this.#partner = new Int32Array(count);
    for (let first = 0; first < count; first += slotsPerRing) {
      const slots = Math.min(slotsPerRing, count - first);
      const cutter = new LineCutter();
      this.#cutters.push(cutter);
      const handlers = {
        opened: (slot: number) => this.#opened(first + slot),
        heard: (slot: number, bytes: Uint8Array) => {
          this.#client = first + slot;
          cutter.cut(slot, bytes, this.#hear);
        },
        ended: (slot: number, errno: number, wasOpen: boolean) => this.#ended(first + slot, errno, wasOpen),
      };
      this.#rings.push(new StreamRing({ slots, handlers, to, sources }));
    }
    this.#connecting = new Pace((client) => this.#begin(client));
    this.#talking = new Pace((number, dueMs) => this.#talk(number, dueMs));
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  /** Connects the clients `first` to below `end` at a steady rate. */
  connect(first: number, end: number, perSecond: number): void {
    this.#connecting.start(first, end, perSecond);
  }

  /** Lets every `oneOf`th client say something every `everyMs`, spread evenly, until quiet(). */
  talk(oneOf: number, everyMs: number): void {
    this.#talkEvery = oneOf;
    this.#lastToldMs = this.#longestGapMs = 0;
    const talkers = Math.floor(this.#options.count / oneOf);
    this.#talking.start(0, Infinity, (talkers / everyMs) * 1_000);
  }

  quiet(): void {
    this.#talking.stop();
  }

  /** The push that everybody who is live is to hear next, once. */
  expectPush(seq: number): void {
    this.#push = seq;
  }

  /** From now on connections to this server may end. */
  doom(server: number): void {
    this.#doomed[server] = 1;
  }

  /** Ends the connections of `count` clients and connects them anew, at a steady rate. */
  renew(count: number, perSecond: number): void {
    this.#connecting.start(0, count, perSecond, (client) => {
      if (this.#state[client] !== state.live) return;
      this.#leaving.add(client);
      this.#end(client);
    });
  }

  /** Live clients that wait for an answer to what they said. */
  waiting(): number {
    let waiting = 0;
    for (let client = 0; client < this.#owed.length; client++) {
      if ((this.#owed[client]! & owed.both) !== 0) waiting++;
    }
    return waiting;
  }

  /** Live clients that have not heard the push that is to be heard. */
  deaf(): number {
    let deaf = 0;
    for (let client = 0; client < this.#pushed.length; client++) {
      if (this.#state[client] === state.live && this.#pushed[client] !== this.#push) deaf++;
    }
    return deaf;
  }

  /** The longest time since the last call in which nobody was told anything, ms; 0 before somebody was. */
  takeGap(): number {
    const longest = this.#longestGapMs;
    this.#longestGapMs = 0;
    return longest;
  }

  close(): void {
    clearInterval(this.#timer);
    for (const ring of this.#rings) ring.close();
  }

  #tick(): void {
    const now = performance.now();
    this.#connecting.tick(now);
    this.#talking.tick(now);
    while (this.#retries.length > 0 && this.#retries[0]!.atMs <= now) {
      this.#ready.push(this.#retries.shift()!.client);
    }
    this.#fill();
  }

  #fill(): void {
    let begun = 0;
    while (this.#opening < mostOpening && begun < this.#ready.length) this.#connect(this.#ready[begun++]!);
    if (begun > 0) this.#ready = this.#ready.slice(begun);
  }

  #begin(client: number): void {
    this.#state[client] = state.waiting;
    this.#ready.push(client);
  }

  #connect(client: number): void {
    this.#state[client] = state.opening;
    this.#opening++;
    this.counts.connects++;
    this.#begunMs[client] = performance.now();
    this.#ringOf(client).connect(client % slotsPerRing, this.#turn++);
  }

  #opened(client: number): void {
    this.#state[client] = state.login;
    const user = this.#options.firstUser + client;
    this.#ringOf(client).send(client % slotsPerRing, (into, at) => writeLogin(into, at, user));
  }

  #end(client: number): void {
    this.#ringOf(client).end(client % slotsPerRing);
  }

  #ended(client: number, errno: number, wasOpen: boolean): void {
    const before = this.#state[client];
    const { counts } = this;
    this.#cutters[Math.floor(client / slotsPerRing)]!.forget(client % slotsPerRing);
    this.#state[client] = state.waiting;
    if (before === state.live) {
      counts.live--;
      this.#lose(client, errno);
      this.#ready.push(client);
      return;
    }
    this.#opening--;
    if (wasOpen) counts.endedBeforeWelcome++;
    else counts.refused++;
    this.#tally(`${wasOpen ? 'before welcome' : 'connect'} ${errno}`);
    this.#retries.push({ client, atMs: performance.now() + retryMs });
  }

  #lose(client: number, errno: number): void {
    const { counts } = this;
    const isDoomed = this.#doomed[this.#server[client]!] === 1;
    if (this.#leaving.delete(client)) counts.left++;
    else if (isDoomed) {
      counts.lostExpected++;
      counts.firstLossUs ||= nowUs();
      counts.lastLossUs = nowUs();
    } else {
      counts.lostUnexpected++;
      this.#tally(`lost ${errno}`);
    }
    const due = this.#owed[client]! & owed.both;
    if (due === 0) return;
    this.#owed[client] = owed.cut;
    if (!isDoomed) {
      counts.missing++;
      return;
    }
    counts.cutOff++;
    if ((due & owed.told) === 0) counts.cutOffTold++;
    if ((due & owed.delivered) === 0) counts.cutOffDelivered++;
  }

  #tally(what: string): void {
    this.counts.reasons[what] = (this.counts.reasons[what] ?? 0) + 1;
  }

  /** Talker `number` of those in turn. */
  #talk(number: number, dueMs: number): void {
    const talkers = Math.floor(this.#options.count / this.#talkEvery);
    // Not in order: those that are not connected yet lie side by side, and their turn would be a pause.
    const client = ((number * turnStep) % talkers) * this.#talkEvery;
    if (this.#state[client] !== state.live) return;
    if ((this.#owed[client]! & owed.both) !== 0 || this.#leaving.has(client)) {
      this.counts.skipped++;
      return;
    }
    const partner = this.#partnerOf(client);
    this.#partner[client] = partner;
    this.#owed[client] = owed.both;
    const id = ++this.#sent[client]!;
    this.counts.sent++;
    const dueUs = nowUs() - Math.round((performance.now() - dueMs) * 1_000);
    const to = this.#options.firstUser + partner;
    this.#ringOf(client).send(client % slotsPerRing, (into, at) => writeTell(into, at, to, id, dueUs));
  }

  /** Somebody on the same server; in the worst case oneself. */
  #partnerOf(client: number): number {
    const server = this.#server[client];
    for (let count = 0; count < tries; count++) {
      const other = Math.floor(Math.random() * this.#state.length);
      if (this.#state[other] === state.live && this.#server[other] === server && !this.#leaving.has(other)) {
        return other;
      }
    }
    return client;
  }

  readonly #hear = (bytes: Uint8Array, start: number, end: number): void => {
    const line = this.#line;
    const client = this.#client;
    readLine(bytes, start, end, line);
    switch (line.kind) {
      case 'welcome':
        this.#welcome(client, line.server);
        break;
      case 'told':
        this.#told(client);
        break;
      case 'delivered':
        this.#delivered(client, line.id);
        break;
      case 'push':
        this.#hearPush(client, line.id);
        break;
      case 'error':
        this.counts.errors++;
        break;
      default:
        this.counts.others++;
    }
  };

  #welcome(client: number, server: number): void {
    const { counts } = this;
    if (this.#state[client] !== state.login || this.#line.user !== this.#options.firstUser + client) {
      counts.disordered++;
      return;
    }
    this.#state[client] = state.live;
    this.#server[client] = server;
    this.#pushed[client] = this.#push;
    this.#opening--;
    counts.live++;
    counts.established++;
    counts.lastWelcomeUs = nowUs();
    counts.firstWelcomeUs ||= counts.lastWelcomeUs;
    this.logins.add((Math.trunc(performance.now()) - this.#begunMs[client]!) * 1_000);
  }

  #told(client: number): void {
    const { user, number, us } = this.#line;
    const sender = user - this.#options.firstUser;
    if (this.#sent[sender] !== number || this.#partner[sender] !== client) {
      this.counts.disordered++;
      return;
    }
    if ((this.#owed[sender]! & owed.told) === 0) {
      if (this.#owed[sender] === owed.cut) {
        this.#owed[sender] = 0;
        this.counts.late++;
      } else this.counts.twice++;
      return;
    }
    this.#owed[sender]! &= ~owed.told;
    this.counts.told++;
    const now = performance.now();
    if (this.#lastToldMs > 0) this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastToldMs);
    this.#lastToldMs = now;
    this.talks.add(sinceUs(us));
  }

  #delivered(client: number, id: number): void {
    if (id !== this.#sent[client]) this.counts.disordered++;
    else if ((this.#owed[client]! & owed.delivered) === 0) this.counts.twice++;
    else {
      this.#owed[client]! &= ~owed.delivered;
      this.counts.delivered++;
    }
  }

  #hearPush(client: number, seq: number): void {
    if (seq !== this.#push) this.counts.disordered++;
    else if (this.#pushed[client] === seq) this.counts.twice++;
    else {
      this.#pushed[client] = seq;
      this.counts.pushesHeard++;
      this.pushes.add(sinceUs(this.#line.us));
    }
  }

  #ringOf(client: number): StreamRing {
    return this.#rings[Math.floor(client / slotsPerRing)]!;
  }
}
