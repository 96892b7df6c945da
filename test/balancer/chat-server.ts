import { createServer, type Server, type Socket } from 'node:net';
import type { Endpoint } from '../../lib/address/index.ts';

/** A server that greets each client with its name and a line break, then echoes. Probes, which say nothing, are not counted. */
export class FakeChatServer {
  readonly name: string;
  readonly endpoint: Endpoint;
  /** Connections that said something, ever. */
  accepted = 0;
  /** First bytes of each of them. */
  readonly openings: string[] = [];
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(name: string, endpoint: Endpoint) {
    this.name = name;
    this.endpoint = endpoint;
  }

  get live(): number {
    return this.#sockets.size;
  }

  async open(): Promise<this> {
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ ...this.endpoint, backlog: 4_096 }, resolve);
    });
    return this;
  }

  /** Stops listening; connections stay. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.close();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => void this.#sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.once('data', (first) => {
      this.accepted++;
      this.openings.push(first.toString('latin1'));
      socket.write(`${this.name}\n`);
      socket.write(first);
      socket.on('data', (chunk) => socket.write(chunk));
    });
  }
}
