import { createServer, type Server, type Socket } from 'node:net';
import { formatEndpoint, type Endpoint } from '../lib/address/index.ts';
import type { Clock } from '../lib/clock/index.ts';
import { errnoCode, HeadgateError } from '../lib/errors/index.ts';
import { ChatConnection, type ChatConnectionOptions } from './chat-connection.ts';
import type { ChatCounters } from './counters.ts';
import { listenBacklog } from './limits.ts';

export interface ChatListenerOptions extends Pick<ChatConnectionOptions, 'received' | 'ended'> {
  /** Most connections at once; more are reset. */
  readonly limit: number;
  readonly clock: Clock;
  readonly counters: ChatCounters;
  /** What the listener itself suffers after it listens; it goes on. */
  readonly trouble: (error: Error) => void;
}

/** The port that clients (and balancers for them) connect to. */
export class ChatListener {
  readonly #options: ChatListenerOptions;
  readonly #server: Server;
  readonly #connections = new Map<Socket, ChatConnection>();
  readonly #whenEmpty: (() => void)[] = [];
  #accepted = 0;
  #closed = false;

  constructor(options: ChatListenerOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** Sockets open now. */
  get connections(): number {
    return this.#connections.size;
  }

  get accepted(): number {
    return this.#accepted;
  }

  get isFull(): boolean {
    return this.#connections.size >= this.#options.limit;
  }

  /** Where it listens; with port 0 given, the port that was chosen. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Throws HEADGATE_CHAT_LISTEN. */
  async listen({ host, port }: Endpoint): Promise<void> {
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog: listenBacklog }, () => {
        server.off('error', reject);
        resolve();
      });
    }).catch((error: unknown) => {
      throw new HeadgateError(
        'HEADGATE_CHAT_LISTEN',
        `listen for clients on ${formatEndpoint({ host, port })}`,
        {
          cause: error,
          ...cureOf(errnoCode(error)),
        },
      );
    });
    server.on('error', this.#options.trouble);
  }

  /** Takes nothing new; those who are here stay. */
  stopListening(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Resolves when nobody is connected. */
  async empty(): Promise<void> {
    if (this.#connections.size > 0) await new Promise<void>((resolve) => void this.#whenEmpty.push(resolve));
  }

  /** Tells everybody that the server ends, and ends their connections; resolves when the last is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.stopListening();
    for (const connection of this.#connections.values()) {
      connection.bye('closing', 'this chat server is closing');
    }
    await this.empty();
  }

  #accept(socket: Socket): void {
    const { received, ended, clock, counters } = this.#options;
    if (this.isFull || this.#closed) {
      counters.refusedFull += 1;
      socket.resetAndDestroy();
      return;
    }
    this.#accepted += 1;
    socket.once('close', () => {
      this.#connections.delete(socket);
      if (this.#connections.size > 0) return;
      for (const resolve of this.#whenEmpty.splice(0)) resolve();
    });
    this.#connections.set(socket, new ChatConnection({ socket, clock, counters, received, ended }));
  }
}

function cureOf(code: string | undefined): { readonly cure?: string } {
  switch (code) {
    case 'EADDRNOTAVAIL':
      return { cure: 'run this chat server on the machine that has the address, or correct the address' };
    case 'EACCES':
      return { cure: 'choose a port of 1024 or more' };
    default:
      return {};
  }
}
