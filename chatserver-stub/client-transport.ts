import { connect } from 'node:net';
import type { Clock } from '../lib/clock/index.ts';
import { goodbyeMs } from './limits.ts';
import { encodeLine, LineDecoder, overlong } from './line-codec.ts';
import type { ClientMessage, ServerMessage } from './protocol.ts';
import { parseServerMessage } from './server-messages.ts';

export interface ClientTransportOptions {
  /** A name or an IP address. */
  readonly host: string;
  readonly port: number;
  /** Address to connect from; the system chooses without. */
  readonly localAddress?: string;
  /** For the connection and, after it, for any byte of the server; a ping is sent after half of it. */
  readonly silenceMs: number;
  readonly clock: Clock;
  readonly connected: () => void;
  readonly received: (message: ServerMessage) => void;
  /** Runs once; `why` is one short line. `error` is there when no connection was made. */
  readonly ended: (why: string, error?: Error) => void;
}

export interface ClientTransport {
  send(message: ClientMessage): void;
  /** Ends the connection; `ended` does not run any more. */
  close(): void;
}

/** One TCP connection to a chat server, speaking messages. A server that is silent for too long is left. */
export function openTransport(options: ClientTransportOptions): ClientTransport {
  const { host, port, localAddress, silenceMs, clock, connected, received, ended } = options;
  const socket = connect({ host, port, noDelay: true, ...(localAddress !== undefined && { localAddress }) });
  const decoder = new LineDecoder();
  let over = false;
  let isConnected = false;
  let pinged = false;
  let watch = clock.after(silenceMs, silent, true);

  function finish(why: string, error?: Error): void {
    if (over) return;
    over = true;
    watch.cancel();
    socket.destroy();
    ended(why, error);
  }

  function silent(): void {
    if (!isConnected || pinged) {
      finish(isConnected ? 'the server is silent' : 'no answer', new Error('no answer'));
      return;
    }
    pinged = true;
    send({ type: 'ping' });
    watch = clock.after(silenceMs / 2, silent, true);
  }

  function heard(): void {
    pinged = false;
    watch.cancel();
    watch = clock.after(silenceMs / 2, silent, true);
  }

  function send(message: ClientMessage): void {
    if (!over) socket.write(encodeLine(message));
  }

  socket.once('connect', () => {
    isConnected = true;
    heard();
    connected();
  });
  socket.on('data', (chunk: Buffer) => {
    heard();
    decoder.push(chunk);
    while (!over) {
      const line = decoder.next();
      if (line === undefined) return;
      const message = line === overlong ? undefined : parseServerMessage(line);
      if (message === undefined) finish('what answers is not a chat server of headgate');
      else received(message);
    }
  });
  socket.on('error', (error) => finish(error.message, isConnected ? undefined : error));
  socket.once('end', () => finish('the server ended the connection'));
  socket.once('close', () => finish('the connection ended'));

  return {
    send,
    close() {
      if (over) return;
      over = true;
      watch.cancel();
      // What was sent still goes out; the server's last words are of no interest.
      socket.removeAllListeners('data');
      socket.resume();
      if (!isConnected) {
        socket.destroy();
        return;
      }
      socket.end();
      const timer = clock.after(goodbyeMs, () => void socket.destroy(), true);
      socket.once('close', () => timer.cancel());
    },
  };
}
