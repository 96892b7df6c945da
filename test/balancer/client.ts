import { connect, type Socket } from 'node:net';
import { boundSocket, linuxAvailable, takeSocketError } from '../../lib/linux/index.ts';
import { encodeProxyHeader } from '../../lib/proxy-protocol/index.ts';
import type { Endpoint } from '../../lib/address/index.ts';
import { descriptorOf, socketToConnect } from '../../lib/relay/node/socket-handle.ts';
import { until } from './until.ts';

/** Address the tests' director connects from. */
export const directorHost = '127.50.0.2';

export interface ClientOptions {
  /** Address to connect from. */
  readonly from?: string;
  /** Sent first; default: a PROXY v2 header of a made-up client. */
  readonly header?: Uint8Array;
}

let nextPort = 1_024;

/** A client as it arrives through a director. Says hello at once; collects what it hears. */
export class Client {
  readonly socket: Socket;
  heard = '';
  /** How it ended: `fin`, `reset` or the code of the error; empty while it lives. */
  ended = '';

  constructor(to: Endpoint, { from = directorHost, header }: ClientOptions = {}) {
    const source = { host: '192.0.2.7', port: nextPort++ % 60_000 };
    this.socket = connectFrom(from, to);
    this.socket.write(header ?? encodeProxyHeader('v2', source, { host: '203.0.113.10', port: 9000 }));
    this.socket.write('hello\n');
    this.socket.setEncoding('latin1').on('data', (chunk: string) => (this.heard += chunk));
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.ended ||= error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 'reset' : String(error.code);
    });
    // RST that is found together with bytes is told as an end by the libuv of Node 20; the kernel knows better.
    this.socket.on('end', () => (this.ended ||= this.#error() === undefined ? 'fin' : 'reset'));
    this.socket.on('close', () => (this.ended ||= 'fin'));
  }

  #error(): string | undefined {
    const fd = descriptorOf(this.socket);
    return fd === undefined || !linuxAvailable().available ? undefined : takeSocketError(fd);
  }

  /** Name of the chat server that greeted it; empty before. */
  get server(): string {
    return this.heard.includes('\n') ? this.heard.slice(0, this.heard.indexOf('\n')) : '';
  }

  /** Resolves when a chat server has greeted it; rejects when it ended before. */
  greeted(): Promise<this> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (this.server !== '') resolve(this);
        else if (this.ended !== '') reject(new Error(`not greeted: ${this.ended}`));
        else return;
        this.socket.off('data', look).off('close', look);
      };
      this.socket.on('data', look).on('close', look);
      look();
    });
  }

  /** Sends a line and resolves when it has come back. */
  async echo(line: string): Promise<void> {
    this.socket.write(`${line}\n`);
    await until(`${line} comes back`, () => this.heard.endsWith(`${line}\n`));
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Where it can, without binding the port beforehand: such a port could not serve anybody else's connect. */
export function connectFrom(from: string, to: Endpoint): Socket {
  if (!linuxAvailable().available) return connect({ ...to, localAddress: from });
  return socketToConnect({}, boundSocket(from)).connect(to);
}
