/** A TCP or unix connection with errors for people; also what a plain TCP probe needs. */
import net from 'node:net';
import { formatEndpoint, type Endpoint } from '../address/index.ts';
import { systemClock, type Clock } from '../clock/index.ts';
import { errnoCode, HeadgateError } from '../errors/index.ts';

export interface ConnectTcpOptions {
  readonly timeoutMs: number;
  readonly clock?: Clock;
  /** Gives the attempt up; it then rejects with HEADGATE_CONTROL_CLOSED. */
  readonly signal?: AbortSignal;
}

/**
 * Resolves with a connected socket that reads nothing yet and destroys itself on errors. Rejects with
 * HEADGATE_CONTROL_REFUSED (nothing listens), _CLOSED (reset at once, or given up here) or _UNREACHABLE (anything
 * else, a timeout included); then no socket is left.
 */
export async function connectTcp(target: Endpoint | string, options: ConnectTcpOptions): Promise<net.Socket> {
  const { timeoutMs, clock = systemClock, signal } = options;
  const name = typeof target === 'string' ? target : formatEndpoint(target);
  if (signal?.aborted === true) throw givenUp(name);
  const socket =
    typeof target === 'string'
      ? net.connect({ path: target })
      : net.connect({ host: target.host, port: target.port, noDelay: true, keepAlive: true });
  return new Promise((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => {
      fail(
        new HeadgateError(
          'HEADGATE_CONTROL_UNREACHABLE',
          `${name} did not accept a connection within ${timeoutMs} ms`,
        ),
      );
    });
    const abort = (): void => fail(givenUp(name));
    signal?.addEventListener('abort', abort, { once: true });
    const release = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
      socket.off('connect', connected);
    };
    const fail = (error: HeadgateError): void => {
      release();
      socket.destroy();
      reject(error);
    };
    const connected = (): void => {
      if (isSelfConnected(socket)) return fail(refused(name, 'nothing listens there'));
      release();
      socket.off('error', failed);
      // Stays for good: the socket's end is what tells its owner; an error without a listener ends the process.
      socket.on('error', () => socket.destroy());
      resolve(socket);
    };
    const failed = (error: Error): void => {
      const code = errnoCode(error);
      if (code === 'ECONNREFUSED' || code === 'ENOENT') fail(refused(name, code));
      // The other end accepted, then closed before we looked: a process that was killed with us in its queue.
      else if (code === 'ECONNRESET' || code === 'EPIPE')
        fail(new HeadgateError('HEADGATE_CONTROL_CLOSED', `${name} reset the connection at once`));
      else
        fail(
          new HeadgateError('HEADGATE_CONTROL_UNREACHABLE', `cannot connect to ${name}`, { cause: error }),
        );
    };
    socket.once('connect', connected);
    socket.once('error', failed);
  });
}

function refused(name: string, why: string): HeadgateError {
  return new HeadgateError('HEADGATE_CONTROL_REFUSED', `${name} refused the connection (${why})`);
}

function givenUp(name: string): HeadgateError {
  return new HeadgateError('HEADGATE_CONTROL_CLOSED', `the connection to ${name} was given up`);
}

/**
 * Whether the kernel joined the socket to itself. That happens when the port lies in the ephemeral range, nothing
 * listens on it and it is picked as the source port (TCP's simultaneous open, RFC 9293 3.5); kept open, it would
 * also keep the real server from listening.
 */
function isSelfConnected(socket: net.Socket): boolean {
  return (
    socket.localPort !== undefined &&
    socket.localPort === socket.remotePort &&
    socket.localAddress === socket.remoteAddress
  );
}
