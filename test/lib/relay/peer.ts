import net from 'node:net';
import type { Endpoint } from '../../../lib/address/index.ts';
import { takeSocketError } from '../../../lib/linux/index.ts';
import { descriptorOf, resetSocket } from '../../../lib/relay/node/socket-handle.ts';
import { until } from '../../until.ts';

/** One end of a TCP connection in a test: remembers everything that happened to it. */
export class Peer {
  readonly socket: net.Socket;
  readonly chunks: Buffer[] = [];
  bytes = 0;
  /** FIN came. */
  ended = false;
  /** Code of the failure (`ECONNRESET`), empty when there was none. */
  failure = '';
  closed = false;

  /** `reads` false: bytes stay in the kernel until `read()`. */
  constructor(socket: net.Socket, reads = true) {
    this.socket = socket;
    socket.on('error', (error: NodeJS.ErrnoException) => (this.failure = error.code ?? error.message));
    socket.on('end', () => {
      // libuv reports bytes and RST that are found together as bytes and FIN; the kernel knows better.
      this.failure ||= this.kernelError();
      this.ended = this.failure === '';
    });
    socket.on('close', () => (this.closed = true));
    if (reads) this.read();
  }

  read(): void {
    this.socket.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.bytes += chunk.length;
    });
  }

  get received(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return this.received.toString('latin1');
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** FIN, after what was sent. */
  end(): void {
    this.socket.end();
  }

  /** RST. */
  reset(): void {
    resetSocket(this.socket);
  }

  /** The error that waits in the kernel, empty when there is none: after FIN Node does not look for any. */
  kernelError(): string {
    const fd = descriptorOf(this.socket);
    return fd === undefined ? '' : (takeSocketError(fd) ?? '');
  }

  async hears(text: string): Promise<void> {
    await until(() => this.text === text, `a peer hears "${text}", not "${this.text}" ${this.failure}`);
  }

  async hearsFin(): Promise<void> {
    await until(() => this.ended, `a peer hears FIN ${this.failure}`);
  }

  /** RST, and nothing that looks like a regular end before it. */
  async hearsRst(): Promise<void> {
    await until(() => this.failure !== '' || this.ended, 'a peer hears RST');
    if (this.failure !== 'ECONNRESET')
      throw new Error(`RST expected, not "${this.failure}", FIN: ${this.ended}`);
  }

  /** RST after FIN, which the kernel reports as EPIPE. */
  async hearsRstAfterFin(): Promise<void> {
    await until(() => (this.failure ||= this.kernelError()) !== '', 'a peer hears RST after FIN');
  }
}

/** Connects and waits until the kernel has accepted the connection. */
export async function connectPeer(
  to: Endpoint,
  options: { reads?: boolean; from?: string } = {},
): Promise<Peer> {
  const local = options.from === undefined ? {} : { localAddress: options.from };
  const socket = net.connect({ ...to, ...local, allowHalfOpen: true });
  const peer = new Peer(socket, options.reads);
  await until(() => !socket.connecting || peer.failure !== '', 'a client connects');
  return peer;
}

/** A server whose connections are Peers, in the order they came. */
export interface PeerServer {
  readonly endpoint: Endpoint;
  readonly peers: readonly Peer[];
  /** The peer of that index, as soon as it has come. */
  peer(index?: number): Promise<Peer>;
  close(): void;
}

export async function servePeers(
  options: { host?: string; port?: number; reads?: boolean } = {},
): Promise<PeerServer> {
  const { host = '127.30.0.2', port = 0, reads } = options;
  const peers: Peer[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => peers.push(new Peer(socket, reads)));
  await new Promise<void>((resolve) => server.listen({ host, port }, resolve));
  return {
    endpoint: { host, port: (server.address() as net.AddressInfo).port },
    peers,
    async peer(index = 0) {
      await until(() => peers.length > index, `server connection ${index} comes`);
      return peers[index]!;
    },
    close() {
      server.close();
      for (const peer of peers) peer.socket.destroy();
    },
  };
}
