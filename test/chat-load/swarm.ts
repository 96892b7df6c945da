import { ChatClient, type ServerMessage } from '../../chatserver-stub/index.ts';
import { every, systemClock, type Timer } from '../../lib/clock/index.ts';
import { describeError } from '../../lib/errors/index.ts';
import { until } from '../until.ts';
import { ListenerRecord } from './listener-record.ts';

export interface SwarmOptions {
  readonly host: string;
  readonly port: number;
  readonly chatters: number;
  /** The first so many chatters speak; all listen. The cost of a message is one delivery per chatter. */
  readonly speakers: number;
  /** Addresses to connect from, in turn; the system chooses without. */
  readonly localAddresses?: readonly string[];
  /** Connections being opened at once. */
  readonly atOnce?: number;
  /** Names are this and a number. */
  readonly prefix?: string;
  /** First pause before a reconnect. */
  readonly firstRetryMs?: number;
}

/** What a swarm has seen so far. */
export interface SwarmReport {
  /** Chatters logged in now. */
  readonly connected: number;
  /** Chatters by chat server, as they were told. */
  readonly servers: Readonly<Record<string, number>>;
  /** Established connections that ended while losses were expected, and while they were not. */
  readonly lost: { readonly expected: number; readonly unexpected: number };
  /** Attempts that did not come to a login. */
  readonly failedAttempts: number;
  /** Why, and how often; only the first kinds are kept. */
  readonly failures: Readonly<Record<string, number>>;
  /** Messages said, and heard by all chatters together. */
  readonly said: number;
  readonly heard: number;
  /** Everything that went wrong, in words; only the first are kept. */
  readonly problems: readonly string[];
  readonly problemCount: number;
}

const keptProblems = 50;
const keptFailures = 20;

/**
 * Many chatters in one process. Speakers number what they say; every chatter checks that it hears each message of
 * everybody else once and in order. Lost connections are counted; chatters come back by themselves.
 */
export class Swarm {
  readonly #options: SwarmOptions;
  readonly #clients: ChatClient[] = [];
  readonly #records: ListenerRecord[] = [];
  readonly #prefix: string;
  readonly #said: Int32Array;
  readonly #problems: string[] = [];
  readonly #lost = { expected: 0, unexpected: 0 };
  readonly #unsettled = new Set<Promise<void>>();
  #failedAttempts = 0;
  readonly #failures: Record<string, number> = {};
  #heard = 0;
  #problemCount = 0;
  #lossesExpected = false;
  #talk: Timer | undefined;
  #closing = false;

  constructor(options: SwarmOptions) {
    this.#options = options;
    this.#prefix = options.prefix ?? 'chatter';
    this.#said = new Int32Array(options.speakers);
  }

  /** Chatters logged in now. */
  get connected(): number {
    return this.#clients.filter(({ connected }) => connected).length;
  }

  get lost(): SwarmReport['lost'] {
    return { ...this.#lost };
  }

  get problems(): readonly string[] {
    return this.#problems;
  }

  report(): SwarmReport {
    const servers: Record<string, number> = {};
    for (const { connected, server } of this.#clients)
      if (connected) servers[server] = (servers[server] ?? 0) + 1;
    return {
      connected: this.connected,
      servers,
      lost: this.lost,
      failedAttempts: this.#failedAttempts,
      failures: { ...this.#failures },
      said: this.#said.reduce((sum, count) => sum + count, 0),
      heard: this.#heard,
      problems: this.#problems,
      problemCount: this.#problemCount,
    };
  }

  /** Connects everybody; resolves when all are logged in. */
  async open(timeoutMs = 60_000): Promise<void> {
    const { chatters, atOnce = 50 } = this.#options;
    while (this.#clients.length < chatters) {
      for (let more = this.connected + atOnce - this.#clients.length; more > 0; more--) {
        if (this.#clients.length < chatters) this.#add(this.#clients.length);
      }
      await until(() => this.connected > this.#clients.length - atOnce || this.connected === chatters, {
        describe: `chatters to log in; ${this.connected} of ${chatters} have`,
        timeoutMs,
        everyMs: 5,
      });
    }
    await this.allConnected(timeoutMs);
  }

  /** Resolves when every chatter is logged in. */
  async allConnected(timeoutMs = 60_000): Promise<void> {
    const { chatters } = this.#options;
    await until(() => this.connected === chatters, {
      describe: `${chatters} chatters to be logged in`,
      timeoutMs,
    });
  }

  /** From now on, connections that end are expected to, or not. */
  expectLosses(expected: boolean): void {
    this.#lossesExpected = expected;
  }

  /** Every speaker says `count` messages; `settled` waits for what comes of it. */
  say(count: number): void {
    for (let message = 0; message < count; message++) {
      for (let speaker = 0; speaker < this.#options.speakers; speaker++) this.#speak(speaker);
    }
  }

  /** Every speaker says something this often, until `hush`. */
  talk(everyMs: number): void {
    this.hush();
    this.#talk = every(systemClock, everyMs, () => this.say(1));
  }

  hush(): void {
    this.#talk?.cancel();
    this.#talk = undefined;
  }

  /** Resolves when everything said is acknowledged and heard by everybody who had to; rejects at the deadline. */
  async settled(timeoutMs = 60_000): Promise<void> {
    const missing = (): string | undefined => {
      if (this.#unsettled.size > 0) return `${this.#unsettled.size} messages without acknowledgement`;
      for (const [index, record] of this.#records.entries()) {
        const speaker = record.awaits(this.#said, index);
        if (speaker !== undefined) {
          const place = (who: number): string => `${who} (on ${this.#clients[who]?.server})`;
          return `chatter ${place(index)} to hear speaker ${place(speaker)} further than ${record.last(speaker)} of ${this.#said[speaker]}`;
        }
      }
      return undefined;
    };
    await until(() => missing() === undefined, { describe: 'everybody to hear everything', timeoutMs }).catch(
      (error: unknown) => {
        throw new Error(`still missing: ${missing() ?? 'nothing'}`, { cause: error });
      },
    );
  }

  /** Everybody leaves. Idempotent. */
  close(): void {
    this.#closing = true;
    this.hush();
    for (const client of this.#clients) client.close();
  }

  #add(index: number): void {
    const { host, port, speakers, localAddresses = [], firstRetryMs = 200 } = this.#options;
    const localAddress = localAddresses[index % localAddresses.length];
    const record = new ListenerRecord(speakers);
    record.back(this.#said);
    let isIn = false;
    this.#records.push(record);
    this.#clients.push(
      new ChatClient({
        host,
        port,
        name: `${this.#prefix}${index}`,
        ...(localAddress !== undefined && { localAddress }),
        persistent: true,
        firstRetryMs,
        longestRetryMs: 2_000,
        welcome: () => {
          isIn = true;
          record.back(this.#said);
        },
        received: (message) => this.#received(index, record, message),
        lost: (why) => {
          if (isIn) this.#lose(index, why);
          else this.#fail(why);
          isIn = false;
        },
        ended: (error) => this.#problem(`chatter ${index} gave up: ${describeError(error)}`),
      }),
    );
  }

  #speak(speaker: number): void {
    const client = this.#clients[speaker];
    if (client === undefined) throw new Error('open the swarm before it speaks');
    const seq = (this.#said[speaker] ?? 0) + 1;
    this.#said[speaker] = seq;
    const settled: Promise<void> = client
      .say(`${this.#prefix}${speaker} ${seq}`)
      .catch((error: unknown) => {
        if (!this.#closing) this.#problem(`speaker ${speaker}: message ${seq}: ${describeError(error)}`);
      })
      .finally(() => this.#unsettled.delete(settled));
    this.#unsettled.add(settled);
  }

  #received(index: number, record: ListenerRecord, message: ServerMessage): void {
    if (message.type === 'error') this.#problem(`chatter ${index} was told: ${message.message}`);
    if (message.type !== 'message') return;
    // Others may talk here too, another swarm for example.
    const [who = '', seq = ''] = message.text.split(' ');
    if (message.from !== who || !who.startsWith(this.#prefix)) return;
    const speaker = Number(who.slice(this.#prefix.length));
    this.#heard += 1;
    const wrong = record.heard(speaker, Number(seq));
    if (wrong !== undefined) this.#problem(`chatter ${index}: ${wrong}`);
  }

  #lose(index: number, why: string): void {
    if (this.#lossesExpected) {
      this.#lost.expected += 1;
      return;
    }
    this.#lost.unexpected += 1;
    this.#problem(`chatter ${index} lost its connection: ${why}`);
  }

  #fail(why: string): void {
    this.#failedAttempts += 1;
    if (why in this.#failures || Object.keys(this.#failures).length < keptFailures)
      this.#failures[why] = (this.#failures[why] ?? 0) + 1;
  }

  #problem(text: string): void {
    this.#problemCount += 1;
    if (this.#problems.length < keptProblems) this.#problems.push(text);
  }
}
