/** Real sockets for the director's tests: balancers that say who they are, and clients that talk to them. */
import { createServer, Socket, type AddressInfo } from 'node:net';
import { decodeProxyHeader, type ProxiedAddresses } from '../../lib/proxy-protocol/index.ts';
import type { CreateRelay } from '../../lib/relay/index.ts';
import { createNodeRelay } from '../../lib/relay/index.ts';
import { until } from '../until.ts';

/** A balancer that wants a PROXY v2 header, says its name in a line and then sends everything back. */
export interface EchoBalancer {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** What the headers of its connections said, in their order. */
  readonly seen: (ProxiedAddresses | null)[];
  /** Where its connections came from, in their order. */
  readonly peers: string[];
  /** Ends it as a killed process would: the port refuses, its connections end. */
  close(): Promise<void>;
}

export async function echoBalancer(name: string, host: string): Promise<EchoBalancer> {
  const seen: EchoBalancer['seen'] = [];
  const peers: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    peers.push(socket.remoteAddress ?? '');
    let header: Buffer | undefined = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      if (header === undefined) {
        socket.write(chunk);
        return;
      }
      header = Buffer.concat([header, chunk]);
      const decoded = decodeProxyHeader(header, 'v2');
      if (decoded.kind === 'more') return;
      if (decoded.kind === 'invalid') {
        socket.destroy();
        return;
      }
      seen.push(decoded.proxied);
      socket.write(`${name}\n`);
      socket.write(header.subarray(decoded.headerBytes));
      header = undefined;
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    name,
    host,
    port: (server.address() as AddressInfo).port,
    seen,
    peers,
    close: () =>
      new Promise((resolve) => {
        if (server.listening) server.close(() => resolve());
        else resolve();
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** A client connection that collects what it reads. */
export class Client {
  /** Why it ended: an errno code, `FIN`, or empty while it lives. */
  ended = '';
  #read = '';
  readonly socket: Socket;

  constructor(port: number, host: string) {
    this.socket = new Socket();
    this.socket.on('data', (chunk: Buffer) => (this.#read += chunk.toString('latin1')));
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.ended ||= error.code ?? 'error'));
    this.socket.on('close', () => (this.ended ||= 'FIN'));
    this.socket.connect(port, host);
  }

  get read(): string {
    return this.#read;
  }

  /** The balancer it reached; rejects when it reached none. */
  async balancer(): Promise<string> {
    await until(() => this.#read.includes('\n') || this.ended !== '', 'a balancer or an end');
    if (this.ended !== '') throw new Error(`the connection ended: ${this.ended}`);
    return this.#read.slice(0, this.#read.indexOf('\n'));
  }

  /** Sends `text` and waits until it has come back after everything before it. */
  async echo(text: string): Promise<void> {
    const expected = this.#read + text;
    this.socket.write(text, 'latin1');
    await until(() => this.#read === expected || this.ended !== '', `the echo of ${text}`);
    if (this.ended !== '') throw new Error(`the connection ended: ${this.ended}`);
  }

  async end(): Promise<string> {
    await until(() => this.ended !== '', 'the end of the connection');
    return this.ended;
  }

  close(): void {
    this.socket.destroy();
  }
}

/** The portable engine, and the ports its listeners were given, by service. */
export function nodeRelay(): { readonly createRelay: CreateRelay; readonly ports: Map<string, number> } {
  const ports = new Map<string, number>();
  const createRelay: CreateRelay = (options) => {
    const relay = createNodeRelay(options);
    const listen = relay.listen.bind(relay);
    relay.listen = async (spec) => {
      const listener = await listen(spec);
      ports.set(spec.service, listener.spec.endpoint.port);
      return listener;
    };
    return relay;
  };
  return { createRelay, ports };
}

/** A port of `host` that nobody listens on now. */
export async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
