import { ChatClient } from '../chatserver-stub/index.ts';
import { parseEndpoint } from '../lib/address/index.ts';
import { describeError, HeadgateError, isHeadgateError } from '../lib/errors/index.ts';
import { readTyped, showMessage, showPeople } from './chat-lines.ts';
import { ChatScreen } from './chat-screen.ts';
import { exitCodes, type Command, type CommandIo } from './command.ts';
import { parseOptions, usageError } from './options.ts';

/** Messages without an acknowledgement at which reading from a pipe waits. */
const mostAhead = 100;

/** `headgate chat`: a chat client for people, and for pipes. */
export const chat: Command = {
  help: `usage: headgate chat HOST:PORT --name NAME

Connects to a chat service through its VIP (or to one chat server), shows who is there and on which chat server
each of them is, and connects again by itself when the connection is lost.

  --name NAME   your name: 1 to 32 visible characters without spaces, unique in the cluster

What you type is said to everybody. Commands:
  /who              who is here
  /tell NAME TEXT   say something to one person only
  /quit             leave (so does the end of the input)

In a pipe every line is said; the command ends when all of them are delivered.

examples:
  headgate chat 127.0.0.1:9000 --name ann
  echo 'hello from a script' | headgate chat '[::1]:9000' --name script`,

  async run(args, io) {
    const { host, port, name } = readArguments(args);
    return new ChatSession(host, port, name, io).run();
  },
};

class ChatSession {
  readonly #client: ChatClient;
  readonly #screen: ChatScreen;
  readonly #io: CommandIo;
  readonly #sends = new Set<Promise<void>>();
  /** Resolved when the first login has succeeded or failed. */
  readonly #begun: Promise<void>;
  #begin: () => void = () => undefined;
  #failure: HeadgateError | undefined;
  /** Messages that were given up by Ctrl-C. */
  #givenUp: number | undefined;
  #refused = 0;
  #isLost = false;

  constructor(host: string, port: number, name: string, io: CommandIo) {
    this.#io = io;
    this.#begun = new Promise((resolve) => (this.#begin = resolve));
    this.#client = new ChatClient({
      host,
      port,
      name,
      welcome: ({ server, name: ours }, again) => {
        this.#isLost = false;
        this.#begin();
        this.#screen.show(again ? `reconnected to ${server}` : `you are ${ours} on ${server}`);
        if (!again) this.#who();
      },
      received: (message) => this.#screen.show(showMessage(message)),
      lost: () => {
        if (!this.#isLost) this.#screen.show('connection lost, reconnecting…');
        this.#isLost = true;
      },
      ended: (error) => {
        this.#failure = error;
        this.#begin();
        this.#screen.close();
      },
    });
    this.#screen = new ChatScreen(io, this.#client.name, () => this.#interrupt());
  }

  async run(): Promise<number> {
    const interrupt = (): void => this.#interrupt();
    this.#io.signal.addEventListener('abort', interrupt, { once: true });
    if (this.#io.signal.aborted) interrupt();
    try {
      this.#screen.prompt();
      for await (const line of this.#screen.typed()) {
        if (!(await this.#typed(line))) break;
        this.#screen.prompt();
      }
      // Whoever quits while there is no connection does not want to wait for one; a pipe does.
      const leaveNow = this.#screen.isTerminal && !this.#client.connected;
      if (!leaveNow) {
        await this.#begun;
        await Promise.all(this.#sends);
      }
      if (this.#failure !== undefined) throw this.#failure;
      const lost = this.#givenUp ?? this.#client.unacknowledged;
      if (lost > 0) this.#io.err(`${lost} messages were not acknowledged; they may not have been delivered`);
      return lost > 0 || (this.#refused > 0 && !this.#screen.isTerminal) ? exitCodes.failed : exitCodes.done;
    } finally {
      this.#io.signal.removeEventListener('abort', interrupt);
      this.#screen.close();
      this.#client.close();
    }
  }

  /** False when the line was the last. */
  async #typed(line: string): Promise<boolean> {
    const typed = readTyped(line);
    if (typed.kind === 'quit') return false;
    if (typed.kind === 'who') this.#who();
    else if (typed.kind === 'mistake') this.#refuse(typed.message);
    else if (typed.kind === 'say') this.#track(this.#client.say(typed.text));
    else if (typed.kind === 'tell') this.#track(this.#client.tell(typed.to, typed.text));
    while (this.#sends.size >= mostAhead) await Promise.race(this.#sends);
    return true;
  }

  #who(): void {
    this.#track(this.#client.who().then((people) => this.#screen.show(showPeople(people))));
  }

  /** Waits for the fate of something sent; the end of the client is told once, by itself. */
  #track(sent: Promise<void>): void {
    const done: Promise<void> = sent
      .catch((error: unknown) => {
        if (error === this.#failure || isHeadgateError(error, 'HEADGATE_CHAT_CLOSED')) return;
        this.#refuse(describeError(error));
      })
      .finally(() => this.#sends.delete(done));
    this.#sends.add(done);
  }

  #refuse(message: string): void {
    this.#refused += 1;
    if (this.#screen.isTerminal) this.#screen.show(message);
    else this.#io.err(message);
  }

  #interrupt(): void {
    this.#givenUp ??= this.#client.unacknowledged;
    this.#client.close();
    this.#screen.close();
    this.#begin();
  }
}

function readArguments(args: readonly string[]): {
  readonly host: string;
  readonly port: number;
  readonly name: string;
} {
  const { values, positionals } = parseOptions(args, { name: { type: 'string' } });
  const [address, extra] = positionals;
  if (address === undefined) throw usageError('HOST:PORT missing');
  if (extra !== undefined) throw usageError(`${JSON.stringify(extra)} is one argument too many`);
  if (values.name === undefined) throw usageError('--name missing');
  const endpoint = parseEndpoint(address) ?? named(address);
  if (endpoint === undefined) {
    throw new HeadgateError(
      'HEADGATE_CHAT_ADDRESS',
      `${JSON.stringify(address)} is not an address with a port`,
    );
  }
  return { ...endpoint, name: values.name };
}

/** A host by name, such as `chat.example.org:9000`. */
function named(address: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? '';
  const port = Number(match?.[2]);
  // What looks like an IPv4 address but is none is a slip, not a name.
  return port >= 1 && port <= 65_535 && /[A-Za-z]/.test(host) ? { host, port } : undefined;
}
